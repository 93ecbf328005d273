#!/usr/bin/env python3
"""Runs scenarios (scenario.py) with the gateway in the middle of the lab (lab.py): clients know its proxy IP only.

  gateway.py --programs DIRECTORY [--family v4|v6] [--version 1.1.12|1.1.17] [--encrypt]
             [--steering auto|sk_lookup|tproxy] SCENARIO...
  gateway.py set STATE SETTING VALUE        what `service SETTING VALUE` does: an option of the service, by a new policy
  gateway.py kill STATE                     what `operator kills the gateway` does: SIGKILL for the daemon
  gateway.py start STATE                    what `operator starts the gateway` does, and waits until it is ready

`programs` has gatehoused and gatehouse. Each scenario has a lab, servers and a gateway of its own, which end with it.
What the daemon says is shown when a scenario fails.
"""
import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

import lab
import scenario

_SERVER = {"v4": "203.0.113.10", "v6": "2001:db8:3::10"}
_POOL = {"v4": "192.0.2.128/28", "v6": "2001:db8:64::/64"}
PROXY = {"v4": "192.0.2.130", "v6": "2001:db8:64::10"}
_ANYONE = {"v4": "0.0.0.0/0", "v6": "2000::/3"}
_PATIENCE = float(os.environ.get("GATEHOUSE_TEST_PATIENCE", "1"))
_LISTS = ("incoming_only", "operators", "watched")


def policy(family, settings):
    """The text of a policy with one RustDesk service that everybody may use."""
    options = "".join(f"    {key}: {'[' + value + ']' if key in _LISTS else value}\n"
                      for key, value in sorted(settings.items()))
    return (f"pools: {{proxies: ['{_POOL[family]}']}}\n"
            f"users: {{anyone: {{sources: ['{_ANYONE[family]}']}}}}\n"
            f"servers: {{rustdesk: {{address: '{_SERVER[family]}'}}}}\n"
            f"services:\n  desk:\n    server: rustdesk\n    proxy_ip: '{PROXY[family]}'\n    port: 21116\n"
            f"    kind: rustdesk\n{options}"
            "grants: {all: {user: anyone, server: rustdesk}}\n")


# The daemon's parent. `ip netns exec` has a mount namespace of its own: what is mounted there goes with this shell,
# which goes with the process of the scenario, however that ends, and takes the daemon with it. So what is in the BPF
# file system outlives the daemon, as it does on a real machine.
_KEEPER = """
mount -t bpf bpf "$1" && exec 3<>"$2" && process=$3 && shift 3 || exit 1
while read -r _ <&3; do
  setpriv --pdeathsig KILL "$@" 3<&- &
  echo $! > "$process"
  wait $!
done
"""


class Gateway:
    """The daemon in `middle`. Use it with `with`. `more` of its configuration goes before what scenarios have."""

    def __init__(self, programs, namespace, family, directory, server_key, steering="auto", **more):
        self._programs, self._namespace, self.family, self.directory = programs, namespace, family, directory
        self._server_key = server_key
        self._configuration = {"xdp": "generic", "loops": 2, "steering": steering, **more}
        self.socket = os.path.join(directory, "run", "control.sock")

    def __enter__(self):
        bpffs = os.path.join(self.directory, "bpf")
        os.makedirs(bpffs)
        os.mkfifo(_orders(self.directory))
        configuration = os.path.join(self.directory, "gatehouse.yaml")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(f"instance: test\nbpffs: {bpffs}\nstate_dir: {self.directory}/state\n"
                       f"run_dir: {self.directory}/run\ninterfaces: [office0, home0, nat0]\n"
                       "log_level: info\nlogin_records: off\n"
                       + "".join(f"{key}: {value}\n" for key, value in self._configuration.items()))
        with open(_log(self.directory), "ab") as log:
            self._keeper = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", self._namespace, "sh", "-c", _KEEPER,
                 "gateway", bpffs, _orders(self.directory), _process(self.directory),
                 os.path.join(self._programs, "gatehoused"), "--config", configuration],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            start(self.directory)
            with open(os.path.join(self.directory, "service.json"), "w", encoding="utf-8") as file:
                json.dump({"family": self.family, "command": self.command(), "settings": {},
                           "server_key": self._server_key}, file)
            apply(self.directory)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.pid():
            _end(self.directory, signal.SIGTERM)
        self._keeper.kill()
        self._keeper.wait()

    def pid(self):
        """Of the daemon; None while there is none."""
        return _pid(self.directory)

    def command(self, *words):
        return [os.path.join(self._programs, "gatehouse"), "--socket", self.socket, *words]

    def commands(self):
        """What scenarios call `operator`, `ban` and so on."""
        return {"ban": self.command("ban", "add", "--device", "{target}", "--reason", "test"),
                "ban_for": self.command("ban", "add", "--device", "{target}", "--for", "{duration}", "--reason", "test"),
                "unban": self.command("ban", "remove", "device:{target}"),
                "ban_address": self.command("ban", "add", "{address}", "--reason", "test"),
                "unban_address": self.command("ban", "remove", "{address}"),
                "operator": self.command(),
                "audit": self.command("audit"),
                "sessions": self.command("--json", "sessions", "--all"),
                "kill_gateway": [sys.executable, os.path.abspath(__file__), "kill", self.directory],
                "start_gateway": [sys.executable, os.path.abspath(__file__), "start", self.directory],
                "service": [sys.executable, os.path.abspath(__file__), "set", self.directory, "{setting}", "{value}"]}

    def text(self):
        return _text(self.directory)


def _orders(directory):
    return os.path.join(directory, "orders")


def _process(directory):
    return os.path.join(directory, "process")


def _log(directory):
    return os.path.join(directory, "gatehoused.log")


def _text(directory):
    with open(_log(directory), encoding="utf-8", errors="replace") as file:
        return file.read()


def _pid(directory):
    try:
        with open(_process(directory), encoding="ascii") as file:
            pid = int(file.read())
    except (FileNotFoundError, ValueError):  # it is being written
        return None
    return pid if os.path.exists(f"/proc/{pid}") else None


def start(directory):
    """Returns when the daemon is ready. Raises RuntimeError with what it said."""
    begun, end, ran = len(_text(directory)), time.monotonic() + 20 * _PATIENCE, False
    orders = os.open(_orders(directory), os.O_RDWR)  # for both, so that it does not wait for the reader
    try:
        os.write(orders, b"start\n")
        while "gatehoused is ready" not in (said := _text(directory)[begun:]):
            runs = _pid(directory) is not None
            if ran and not runs or time.monotonic() > end:
                raise RuntimeError(f"gatehoused does not start: {said}")
            ran = runs
            time.sleep(0.02)
    finally:
        os.close(orders)


def _end(directory, how):
    """Returns when the daemon is gone."""
    pid, end = _pid(directory), time.monotonic() + 20 * _PATIENCE
    if pid is None:
        raise RuntimeError("gatehoused does not run")
    os.kill(pid, how)
    while os.path.exists(f"/proc/{pid}"):
        if time.monotonic() > end:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def apply(directory, setting=None, value=None):
    """Raises RuntimeError with what the command said."""
    path = os.path.join(directory, "service.json")
    with open(path, encoding="utf-8") as file:
        state = json.load(file)
    if setting:
        state["settings"][setting] = value.replace(" ", ", ")
        if setting == "secure_tcp":
            state["settings"].pop("server_key", None)
            if value == "terminate":
                state["settings"]["server_key"] = state["server_key"]
        with open(path, "w", encoding="utf-8") as file:
            json.dump(state, file)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=directory) as file:
        file.write(policy(state["family"], state["settings"]))
        file.flush()
        done = subprocess.run([*state["command"], "apply", file.name, "--yes"], capture_output=True, text=True,
                              check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr + done.stdout)


def run(path, options):
    """Whether the scenario passed; tells it."""
    with lab.Lab() as network, tempfile.TemporaryDirectory(dir=network.directory) as directory:
        with lab.Servers(network, options.family, options.version, 1, options.encrypt,
                         relay_host=PROXY[options.family]) as servers:
            with Gateway(options.programs, network.name("middle"), options.family, directory,
                         servers.description["server_key"], options.steering) as gateway:
                description = servers.description
                for place in description["places"].values():
                    place["server"] = place["relay"] = PROXY[options.family]
                description["commands"] = {**description["commands"], **gateway.commands()}
                passed = asyncio.run(scenario.run_all([path], description)) == 1
                if not passed:
                    print("\n".join(gateway.text().splitlines()[-80:]), flush=True)
                    audit = subprocess.run(gateway.command("audit"), capture_output=True, text=True, check=False)
                    print(audit.stdout, flush=True)
                return passed


def main():
    orders = {"set": apply, "start": start, "kill": lambda directory: _end(directory, signal.SIGKILL)}
    if order := orders.get("".join(sys.argv[1:2])):
        try:
            order(*sys.argv[2:])
        except RuntimeError as error:
            sys.exit(str(error))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True)
    parser.add_argument("--family", choices=("v4", "v6"), default="v4")
    parser.add_argument("--version", default="1.1.17")
    parser.add_argument("--encrypt", action="store_true")
    parser.add_argument("--steering", choices=("auto", "sk_lookup", "tproxy"), default="auto")
    parser.add_argument("scenarios", nargs="+", metavar="SCENARIO")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    results = [run(path, options) for path in options.scenarios]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(not all(results))


if __name__ == "__main__":
    main()
