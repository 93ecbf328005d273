#!/usr/bin/env python3
"""The rustdesk part of scripts/bench.sh that needs a network: the lab of the scenarios (tests/support/rustdesk/lab.py)
with the gateway in its middle. JSON lines on the standard output, progress on the standard error. Leaves nothing
behind; what it leaves when it is killed, the next one removes.

  tests/bench/rustdesk.py BIN_DIRECTORY [--quick]
"""
import argparse
import asyncio
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time

_HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(_HERE, "..", "support", "rustdesk"))

import gateway  # noqa: E402
import lab  # noqa: E402
from places import Network  # noqa: E402

_SERVER = "203.0.113.10"
_PLAIN_PORT = 31116  # what comes from port 21116 of the server goes to the daemon, and this does not
_NETWORK, _FIRST = "10.64.0.0/16", "10.64.0.1"
_PORTS = (20000, 30000)  # from these on, of those that take the way through the gateway, and of the others
_AT_ONCE = 256
_CPU_AIM = 15  # us: a core, at the 67,000 a second of a million devices
_BAN_AIM = 100  # ms
_PATIENCE = 120


def progress(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def row(name, unit, ours, peer, peer_value, larger=False):
    ratio = ours / peer_value if larger else peer_value / ours
    print(json.dumps({"name": f"rustdesk, {name}", "unit": unit, "ours": ours, "peer": peer, "peer_value": peer_value,
                      "ratio": ratio}), flush=True)


@contextlib.contextmanager
def gateway_in(network, programs):
    """As it comes, but for what a lab needs of it."""
    with tempfile.TemporaryDirectory(dir=network.directory) as directory:
        with gateway.Gateway(programs, network.name("middle"), "v4", directory, "", xdp="auto") as running:
            yield running


# ---- a ban that ends a relay


class Relay:
    """Two devices at two places, and a session between them by the relay, over and over again."""

    TARGET, INITIATOR = "222222222", "111111111"

    def __init__(self, network, running):
        self._network, self._gateway = network, running
        self._office, self._home = network.places["office"], network.places["home"]

    async def begin(self):
        await self._start(self._office, self.TARGET)
        await self._start(self._home, self.INITIATOR)

    async def _start(self, place, device):
        await place.ask("start_device", device=device, server=place.server)
        if not (await place.ask("wait_device", device=device, what="online", patience=20))[0]:
            raise RuntimeError(f"{device} does not become online")

    async def ban_it(self):
        """Milliseconds from the start of the command to when both devices have seen their end closed."""
        outcome = await self._home.ask("relay", name=self.INITIATOR, server=self._home.server, target=self.TARGET,
                                       controller={"own_id": self.INITIATOR})
        if outcome["kind"] != "relay":
            raise RuntimeError(f"no relay: {outcome}")
        if not await self._home.ask("exchange", name=self.INITIATOR, data="a few bytes", patience=5):
            raise RuntimeError("no bytes through the relay")
        # Asked before, so that each end tells of it by itself, when it is so.
        ends = [asyncio.ensure_future(end) for end in (
            self._home.ask("wait_closed", name=self.INITIATOR, patience=10),
            self._office.ask("wait_device", device=self.TARGET, what="no sessions", patience=10))]
        await asyncio.sleep(0.2)
        if any(end.done() for end in ends):
            raise RuntimeError("a relay has ended before the ban")
        begin = time.monotonic()
        closed = asyncio.ensure_future(self._when(ends))
        await self._command("device", "ban", self.TARGET, "--reason", "bench")
        seen = await closed - begin
        await self._command("device", "unban", self.TARGET)
        return seen * 1000

    @staticmethod
    async def _when(ends):
        initiator, (target, _) = await asyncio.gather(*ends)
        if not (initiator and target):
            raise RuntimeError("a relay goes on 10 s after the ban")
        return time.monotonic()

    async def _command(self, *words):
        command = await asyncio.create_subprocess_exec(
            *self._gateway.command(*words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = await command.communicate()
        if command.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {said.decode(errors='replace')}")


async def _ban_relays(description, running, count):
    network = Network(description)
    try:
        relay = Relay(network, running)
        await relay.begin()
        await relay.ban_it()  # the first reads programs and pages that later ones find
        return [await relay.ban_it() for _ in range(count)]
    finally:
        await network.stop()


def bans(programs, quick):
    progress("a ban: until both legs of a live relay are closed")
    with lab.Lab() as network, lab.Servers(network, "v4", "1.1.17", relay_host=gateway.PROXY["v4"]) as servers:
        with gateway_in(network, programs) as running:
            description = servers.description
            for place in description["places"].values():
                place["server"] = place["relay"] = gateway.PROXY["v4"]
            times = asyncio.run(_ban_relays(description, running, 3 if quick else 10))
    progress(f"{min(times):.2f} to {max(times):.2f} ms")
    row("device ban, until both legs of a live relay are closed", "ms", statistics.median(times), "aim", _BAN_AIM)


# ---- heartbeats


class Load:
    """The devices, in `office`: they register at once. Use it with `with`."""

    def __init__(self, network, programs, address, port, own_port, devices):
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", network.name("office"),
             os.path.join(programs, "heartbeats"), "load", address, str(port), f"{_FIRST}:{own_port}", str(devices)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def wait_until_ready(self):
        self._read()

    def round(self, seconds, unanswered):
        self._process.stdin.write(f"{seconds} {unanswered}\n")
        self._process.stdin.flush()
        return json.loads(self._read())

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load has ended")
        return line


@contextlib.contextmanager
def _server(network, programs, port):
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", network.name("server"),
         os.path.join(programs, "heartbeats"), "serve", _SERVER, str(port)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        if not process.stdout.readline():
            raise RuntimeError("the server does not start")
        yield
    finally:
        process.kill()
        process.communicate()


def _cpu_us(pid):
    """That all threads of a process have used."""
    used = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
            used += int(file.read().split()[0])
    return used / 1000


def _wait_until_idle(pid):
    """Devices go to the disk some thousands at a time: what is measured begins when they are there."""
    end, quiet = time.monotonic() + _PATIENCE, 0
    while quiet < 3:
        before = _cpu_us(pid)
        time.sleep(1)
        quiet = quiet + 1 if _cpu_us(pid) - before < 5000 else 0
        if time.monotonic() > end:
            raise RuntimeError("the daemon does not come to rest")


def _measure(ways, pid, seconds, unanswered, number):
    """A round of each; of ours also the CPU time of one."""
    measured = {}
    for name in list(ways)[number % 2:] + list(ways)[:number % 2]:  # so that none always has the other one's cache
        before = _cpu_us(pid)
        result = ways[name].round(seconds, unanswered)
        if not result["answered"]:
            raise RuntimeError(f"no answer by {name}")
        if result["lost"] or result["asked"]:
            progress(f"{name}: {result['lost']} of {result['answered']} lost, {result['asked']} asked for the key")
        result["rate"] = result["answered"] / result["seconds"]
        result["cpu"] = (_cpu_us(pid) - before) / result["answered"]
        measured[name] = result
    return measured


def heartbeats(programs, quick):
    devices, rounds, seconds = (10_000, 1, 2) if quick else (100_000, 5, 3)
    progress(f"heartbeats: {devices} devices register")
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(lab.Lab())
        office = network.name("office")
        for command in (["ip", "-n", office, "route", "add", "local", _NETWORK, "dev", "lo"],
                        ["ip", "-n", network.name("middle"), "route", "add", _NETWORK, "via", "192.0.2.18"]):
            subprocess.run(command, check=True)
        for port in (21116, _PLAIN_PORT):
            stack.enter_context(_server(network, programs, port))
        running = stack.enter_context(gateway_in(network, programs))
        targets = {"gatehouse": (gateway.PROXY["v4"], 21116, _PORTS[0]), "plain": (_SERVER, _PLAIN_PORT, _PORTS[1])}
        ways = {}
        for name, target in targets.items():
            ways[name] = stack.enter_context(Load(network, programs, *target, devices))
            ways[name].wait_until_ready()
            ways[name].round(1, _AT_ONCE)
        _wait_until_idle(running.pid())
        progress(f"heartbeats: {rounds} rounds")
        many = [_measure(ways, running.pid(), seconds, _AT_ONCE, number) for number in range(rounds)]
        single = [_measure(ways, running.pid(), seconds, 1, number) for number in range(rounds)]

    def median(measured, way, what):
        return statistics.median(each[way][what] for each in measured)

    def compared(name, unit, measured, what, larger=False, scale=1):
        row(name, unit, median(measured, "gatehouse", what) / scale, "plain routing",
            median(measured, "plain", what) / scale, larger)

    compared("heartbeats answered", "1/s", many, "rate", larger=True)
    compared("heartbeats answered, p99", "ms", many, "p99_us", scale=1000)
    compared("heartbeats answered, one after the other, p50", "us", single, "p50_us")
    compared("heartbeats answered, one after the other, p99", "us", single, "p99_us")
    row("daemon's CPU of a heartbeat and its answer", "us", median(many, "gatehouse", "cpu"), "aim", _CPU_AIM)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", metavar="BIN_DIRECTORY")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = os.path.abspath(options.programs)
    try:
        bans(programs, options.quick)
        heartbeats(programs, options.quick)
    except RuntimeError as error:
        sys.exit(f"bench: {error}")


if __name__ == "__main__":
    main()
