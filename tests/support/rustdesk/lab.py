#!/usr/bin/env python3
"""A network of RustDesk clients and servers in namespaces, with a place in the middle where a gateway can be:

  office 192.0.2.18 ──────────┐
  home 192.0.2.34 ────────────┤
  inside 198.51.100.10 ─┐     ├─ middle ── 203.0.113.10  server (hbbs, hbbr)
  neighbour  ...11 ─────┴─ nat┘
                         192.0.2.50

and the same with addresses of 2001:db8::/32. `nat` masquerades, both families; `middle` forwards. (RFC 5737 and RFC
3849: all of these are addresses for examples.) Namespaces are called ghrd-PID-NAME, the directory of logs is too; those
of a process that is no more are removed by the next one.

  lab.py [--family v4|v6] [--version 1.1.12|1.1.17] [--directory D] [--clock-scale N] [--encrypt]
                                  builds it, starts the servers, prints the network (places.py) as a line of JSON, with
                                  the name of `middle` as "gateway", and takes it down when standard input ends
"""
import argparse
import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import secure_tcp

_HERE = os.path.dirname(os.path.abspath(__file__))
_PREFIX = "ghrd"
_PATIENCE = 10 * float(os.environ.get("GATEHOUSE_TEST_PATIENCE", "1"))
_SERVER = {"v4": "203.0.113.10", "v6": "2001:db8:3::10"}

# namespace: (its router, the router's interface, its addresses, the router's)
_WIRES = {
    "server": ("middle", "servers0", ("203.0.113.10/24", "2001:db8:3::10/64"), ("203.0.113.1/24", "2001:db8:3::1/64")),
    "office": ("middle", "office0", ("192.0.2.18/28", "2001:db8:11::18/64"), ("192.0.2.17/28", "2001:db8:11::1/64")),
    "home": ("middle", "home0", ("192.0.2.34/28", "2001:db8:12::34/64"), ("192.0.2.33/28", "2001:db8:12::1/64")),
    "nat": ("middle", "nat0", ("192.0.2.50/28", "2001:db8:13::50/64"), ("192.0.2.49/28", "2001:db8:13::1/64")),
    "inside": ("nat", "inside0", ("198.51.100.10/24", "2001:db8:14::10/64"), ()),
    "neighbour": ("nat", "neighbour0", ("198.51.100.11/24", "2001:db8:14::11/64"), ()),
}
_INSIDE = ("198.51.100.1/24", "2001:db8:14::1/64")
_PLACES = ("office", "home", "inside", "neighbour")
_MASQUERADE = """table inet lab {
  chain out { type nat hook postrouting priority srcnat; oifname "wire0" masquerade; }
}
"""
# What begins at the servers from outside: datagrams, and the first packet of each connection.
_ARRIVALS = """table inet lab {
  counter arrivals {}
  chain in {
    type filter hook prerouting priority raw;
    iifname "wire0" meta l4proto udp counter name arrivals
    iifname "wire0" tcp flags & (syn | ack) == syn counter name arrivals
  }
}
"""


def _run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


def _plain(address):
    return address.split("/")[0]


def _leftovers(directory):
    """What labs have there whose process has died."""
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        match = re.fullmatch(_PREFIX + r"-(\d+)-\w+", name)
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            yield name


def _remove_leftovers():
    for name in _leftovers("/run/netns"):
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    for name in _leftovers(tempfile.gettempdir()):
        shutil.rmtree(os.path.join(tempfile.gettempdir(), name), ignore_errors=True)


class Lab:
    """The namespaces, and a directory for what is written. Use it with `with`."""

    def __enter__(self):
        _remove_leftovers()
        with contextlib.ExitStack() as stack:
            self.directory = stack.enter_context(tempfile.TemporaryDirectory(prefix=f"{_PREFIX}-{os.getpid()}-"))
            for name in ("middle", *_WIRES):
                _run("ip", "netns", "add", self.name(name))
                stack.callback(_run, "ip", "netns", "del", self.name(name))
                self._ip(name, "link set lo up")
            for key in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
                for name in ("middle", "nat"):
                    _run("ip", "netns", "exec", self.name(name), "sysctl", "-qw", key)
            self._ip("nat", "link add lan0 type bridge", "link set lan0 up")
            self._address("nat", "lan0", _INSIDE)
            for name, (router, interface, addresses, routers) in _WIRES.items():
                self._wire(name, router, interface, addresses, routers)
            for name, rules in (("nat", _MASQUERADE), ("server", _ARRIVALS)):
                _run("ip", "netns", "exec", self.name(name), "nft", "-f", "-", text=rules)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    @staticmethod
    def name(name):
        return f"{_PREFIX}-{os.getpid()}-{name}"

    def _ip(self, name, *lines):
        _run("ip", "-n", self.name(name), "-batch", "-", text="\n".join(lines) + "\n")

    def _address(self, name, interface, addresses):
        self._ip(name, *(f"addr add {address} dev {interface}{' nodad' if ':' in address else ''}"
                         for address in addresses))

    def _wire(self, name, router, interface, addresses, routers):
        self._ip(name, f"link add wire0 type veth peer name {interface} netns {self.name(router)}", "link set wire0 up")
        self._address(name, "wire0", addresses)
        self._ip(router, f"link set {interface} up")
        self._address(router, interface, routers)
        if not routers:
            self._ip(router, f"link set {interface} master lan0")
        for gateway in routers or _INSIDE:
            self._ip(name, f"route add default via {_plain(gateway)}")


def _restart(signal_name, process, log):
    """A command that has hbbs.py restart, and waits until it is there again."""
    count = f"$(grep -c '\"ready\"' {log})"
    return ["sh", "-c",
            f'n={count}; kill -{signal_name} {process}; while [ "{count}" = "$n" ]; do sleep 0.02; done']


class Servers:
    """hbbs and hbbr in the lab, for one family's clients. Use it with `with`; `description` is what places.py reads."""

    def __init__(self, lab, family, version, clock_scale=1, encrypt=False, directory=None, licence_key="",
                 commands=None, relay_host=None):
        self._lab, self._family = lab, family
        self._directory = directory or tempfile.mkdtemp(dir=lab.directory)
        self._processes = []
        self._version, self._scale, self._encrypt, self._key = version, str(clock_scale), encrypt, licence_key
        self._commands = commands or {}
        self._relay_host = relay_host or _SERVER[family]  # what clients are told of hbbr
        self.description = {}

    def __enter__(self):
        public, secret = secure_tcp.new_server_key()
        key_file, store = (os.path.join(self._directory, name) for name in ("id_ed25519", "db_v2.sqlite3"))
        with open(key_file, "w", encoding="ascii") as file:
            file.write(base64.b64encode(secret).decode())
        options = ["--version", self._version, "--relay-servers", self._relay_host, "--store", store, "--key", self._key]
        try:
            hbbs, hbbs_log = self._start("hbbs", *options, *(["--encrypt", key_file] if self._encrypt else []))
            _, hbbr_log = self._start("hbbr", "--key", self._key)
        except BaseException:
            self.__exit__()
            raise
        self.description = {
            "places": {name: self._place(name) for name in _PLACES},
            "logs": {"hbbs": hbbs_log, "hbbr": hbbr_log},
            "server_key": key_file, "licence_key": self._key, "public_key": base64.b64encode(public).decode(),
            "clock_scale": float(self._scale),
            "gateway": self._lab.name("middle"),
            "commands": {"restart_hbbs": _restart("HUP", hbbs.pid, hbbs_log),
                         "reset": _restart("USR1", hbbs.pid, hbbs_log),
                         "arrivals": ["ip", "netns", "exec", self._lab.name("server"), "nft", "list", "counter", "inet",
                                      "lab", "arrivals"],
                         "hbbs_console": self._console(21115), "hbbr_console": self._console(21117), **self._commands},
        }
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.stdin.close()
            process.wait()

    def _start(self, program, *options):
        log = os.path.join(self._directory, f"{program}.log")
        process = subprocess.Popen(
            ["ip", "netns", "exec", self._lab.name("server"), sys.executable, os.path.join(_HERE, f"{program}.py"),
             "--log", log, "--until-eof", "--clock-scale", self._scale, *options], stdin=subprocess.PIPE)
        self._processes.append(process)
        end = time.monotonic() + _PATIENCE
        while not (os.path.exists(log) and os.path.getsize(log)):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{program}.py does not start")
            time.sleep(0.02)
        return process, log

    def _console(self, port):
        return ["ip", "netns", "exec", self._lab.name("server"), "bash", "-c",
                f'exec 3<>/dev/tcp/::1/{port}; echo "$*" >&3; cat <&3', "console"]

    def _place(self, name):
        is_nat = _WIRES[name][0] == "nat"
        seen_as = _WIRES["nat" if is_nat else name][2][self._family == "v6"]
        host = _SERVER[self._family]
        return {"namespace": self._lab.name(name), "server": host, "relay": host, "seen_as": _plain(seen_as),
                "nat": is_nat}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=("v4", "v6"), default="v4")
    parser.add_argument("--version", default="1.1.17")
    parser.add_argument("--directory", help="where the logs go, and the servers' files; must be empty")
    parser.add_argument("--clock-scale", type=float, default=1)
    parser.add_argument("--encrypt", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with Lab() as lab:
        with Servers(lab, options.family, options.version, options.clock_scale, options.encrypt,
                     options.directory) as servers:
            print(json.dumps(servers.description), flush=True)
            sys.stdin.read()


if __name__ == "__main__":
    main()
