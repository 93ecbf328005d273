"""Steps of a scenario that do something; scenario.py explains them."""
import asyncio
import base64
import inspect
import json
import re

from places import PATIENCE, ban_target
from secure_tcp import new_server_key

_STEP = "_step_patterns"
_LIMIT = 10
_ANOTHER_KEY = base64.b64encode(new_server_key()[0]).decode()
SECONDS = r"(\d+(?:\.\d+)?) s"
_WHO = r"(?:device (\d+)|nobody) at (\S+)"


class ScenarioFailure(Exception):
    """What was seen instead."""


def step(pattern):
    """Marks a method as what is done for lines of this form; the groups are its arguments."""

    def mark(method):
        setattr(method, _STEP, [*getattr(method, _STEP, []), re.compile(pattern)])
        return method

    return mark


def find_step(steps, text):
    """(method, its arguments) for a line, or None."""
    for _, method in inspect.getmembers(steps, inspect.isfunction):
        for pattern in getattr(method, _STEP, ()):
            if match := pattern.fullmatch(text):
                return method, match.groups()
    return None


def _read(pattern, text):
    """The one group of the pattern and the text without it; ("", text) where it is not."""
    match = re.search(pattern, text)
    if not match:
        return "", text
    return match.group(1) if match.groups() else match.group(), text[: match.start()] + text[match.end() :]


def id_range(first, last):
    return [str(number) for number in range(int(first), int(last) + 1)]


def limit(seconds, otherwise=_LIMIT):
    return (float(seconds) if seconds else otherwise) * PATIENCE


class Steps:
    def __init__(self, network):
        self.network = network
        self.where = {}  # the place of each device
        self.outcomes = {}  # how the last attempt of each initiator ended
        self.last_session = None  # (place, name, target)
        self.seen_answers = {}  # how many answers of a device earlier expectations have used up
        self.last_online = None
        self.last_sent = None
        self.arrivals_at_death = None  # of the gateway: the servers' count
        self.sessions_at_death = set()
        self._undo = []

    async def begin(self):
        await self._reset()
        for log in self.network.logs.values():
            log.begin()

    async def end(self):
        for command, values in reversed(self._undo):
            await self.network.run(command, **values)
        await self._reset()

    async def _reset(self):
        for command in ("reset", "reset_gateway"):
            if self.network.has_command(command):
                await self._command(command)

    def place(self, name):
        if name not in self.network.places:
            raise ScenarioFailure(f"the network has no place '{name}'")
        return self.network.places[name]

    def place_of(self, device):
        if device not in self.where:
            raise ScenarioFailure(f"device {device} was never started")
        return self.where[device]

    async def state(self, device):
        return await self.place_of(device).ask("device", device=device)

    async def _command(self, name, words=(), **values):
        status, output = await self.network.run(name, words, **values)
        if status != 0:
            raise ScenarioFailure(f"'{name}' ended with {status}: {output or 'without a word'}")
        return output

    # Devices

    @step(r"device (\d+) at (\S+) (registers|starts)(.*)")
    async def start_device(self, device, place, what, rest):
        options = {"known": False}
        options["uuid_from"], rest = _read(r" with the uuid of (\d+)", rest)
        options["key_from"], rest = _read(r" with the key of (\d+)", rest)
        word, rest = _read(r" that relays", rest)
        options["relays"] = bool(word)
        word, rest = _read(r" known", rest)
        options["known"] = bool(word)
        _nothing_left(rest)
        self.where[device] = self.place(place)
        self.seen_answers[device] = 0
        await self.where[device].ask("start_device", device=device, server=self.where[device].server, **options)
        if what == "registers":
            await self.expect_online(device, None)

    @step(r"devices (\d+) to (\d+) at (\S+) start( known)?")
    async def start_devices(self, first, last, place, known):
        for device in id_range(first, last):
            await self.start_device(device, place, "starts", known or "")

    @step(r"devices (\d+) to (\d+) stop")
    async def stop_devices(self, first, last):
        for device in id_range(first, last):
            await self.stop_device(device)

    @step(r"device (\d+) stops")
    async def stop_device(self, device):
        await self.place_of(device).ask("stop_device", device=device)

    # Sessions

    @step(_WHO + r" (punches|relays with) (\d+)(.*)")
    async def begin_session(self, device, place, how, target, rest):
        controller, rest = self._controller(device, rest)
        more = {}
        word, rest = _read(r" twice at once", rest)
        if word:
            more["parallel"] = True
        word, rest = _read(r" without going direct", rest)
        if word:
            more["direct"] = False
        uuid, rest = _read(r" under uuid (\S+)", rest)
        if uuid:
            more["uuid"] = uuid
        _nothing_left(rest)
        await self._attempt("punch" if how == "punches" else "relay", device, place, target, controller, **more)

    @step(_WHO + r" joins relay (\S+)(?: to (\d+))?(.*)")
    async def join_relay(self, device, place, uuid, target, rest):
        controller, rest = self._controller(device, rest)
        _nothing_left(rest)
        await self._attempt("join", device, place, target or "", controller, uuid=uuid)

    def _controller(self, device, rest):
        """The options of a Controller that are in the rest of the line, and what is left of it."""
        options = {"own_id": device or ""}
        transport, rest = _read(r" by (ws|tcp)", rest)
        options["transport"] = transport or "tcp"
        options["token"], rest = _read(r" with token (\S+)", rest)
        licence, rest = _read(r" with licence (\S+)", rest)
        options["licence_key"] = licence or None
        address, rest = _read(r" with forged address (\S+)", rest)
        options["headers"] = _forged(address)
        word, rest = _read(r" with (key exchange|another key)", rest)
        if word:
            options["public_key"] = self.network.public_key if word == "key exchange" else _ANOTHER_KEY
        return options, rest

    async def _attempt(self, do, device, place, target, controller, **more):
        where, name = self.place(place), device or "nobody"
        self.outcomes[name] = await where.ask(do, name=name, server=where.server, target=target, controller=controller,
                                              **more)
        if self.outcomes[name]["kind"] in ("direct", "local", "relay"):
            self.last_session = (where, name, target)

    @step(r"session ends")
    async def end_session(self):
        where, name, _ = self.last_session
        await where.ask("close", name=name)

    # Questions

    @step(_WHO + r" asks for ([\d,]+)")
    async def ask_who_is_online(self, device, place, peers):
        where, peers = self.place(place), peers.split(",")
        states = await where.ask("online", server=where.server, controller={"own_id": device or ""}, peers=peers)
        self.last_online = [peer for peer, online in zip(peers, states, strict=True) if online]

    @step(_WHO + r" tests its nat")
    async def test_nat(self, device, place):
        where = self.place(place)
        own, first, second = await where.ask("test_nat", server=where.server, controller={"own_id": device or ""})
        if first != second or not where.nat and first != own:
            raise ScenarioFailure(f"hbbs saw the ports {first} and {second} of {own}")

    @step(_WHO + r" sends (\w+) of (\S+) by (tcp|ws|udp)(?: with forged address (\S+))?")
    async def send_malformed(self, _, place, kind, target, transport, forged):
        where = self.place(place)
        self.last_sent = await where.ask("send", kind=kind, server=where.server, transport=transport, target=target,
                                         patience=PATIENCE, headers=_forged(forged))

    # Harm

    @step(r"nobody at (\S+) opens (\d+) idle connections to port (\d+)")
    async def open_idle(self, place, count, port):
        where = self.place(place)
        opened = await where.ask("open_idle", server=where.server, port=int(port), count=int(count))
        if not opened:
            raise ScenarioFailure("not one was opened")

    @step(r"nobody at (\S+) says a byte a second about (\d+)")
    async def trickle(self, place, target):
        where = self.place(place)
        await where.ask("trickle", server=where.server, target=target)

    @step(r"nobody at (\S+) forges (\d+) registrations")
    async def register_forged(self, place, count):
        where = self.place(place)
        await where.ask("register_forged", server=where.server, count=int(count))

    @step(r"nobody at (\S+) goes on forging registrations")
    async def go_on_forging(self, place):
        where = self.place(place)
        await where.ask("go_on_forging", server=where.server)

    # Operator and servers

    @step(r"operator (bans|unbans) (device|uuid of|key of) (\d+)(?: for (\w+))?")
    async def ban_device(self, what, kind, name, duration):
        target = ban_target(kind, name)
        if what == "unbans":
            self._undo = [one for one in self._undo if one != ("unban", {"target": target})]
            await self._command("unban", target=target)
            return
        if duration:
            await self._command("ban_for", target=target, duration=duration)
        else:
            await self._command("ban", target=target)
        self._undo.append(("unban", {"target": target}))

    @step(r"operator (bans|unbans) (mapped )?address of (\S+)")
    async def ban_address(self, what, mapped, place):
        address = self.place(place).seen_as
        values = {"address": f"::ffff:{address}" if mapped and ":" not in address else address}
        await self._command("ban_address" if what == "bans" else "unban_address", **values)
        if what == "bans":
            self._undo.append(("unban_address", values))

    @step(r"operator does (.+)")
    async def operate(self, words):
        await self._command("operator", words.split())

    @step(r"operator kills the gateway")
    async def kill_gateway(self):
        self.sessions_at_death = {number for number, ended in (await self.sessions()).items() if not ended}
        await self._command("kill_gateway")
        await asyncio.sleep(0.2 * PATIENCE)  # what it has sent is still on the way
        self.arrivals_at_death = await self.arrivals()

    @step(r"operator starts the gateway")
    async def start_gateway(self):
        await self._command("start_gateway")

    async def arrivals(self):
        """How many datagrams and connections have come to the servers' machine."""
        return int(re.search(r"packets (\d+)", await self._command("arrivals")).group(1))

    async def sessions(self):
        """When each that there ever was has ended, or None, by their numbers."""
        lines = (await self._command("sessions")).splitlines()
        return {session["id"]: session["ended"] for session in map(json.loads, lines)}

    @step(r"service (\S+) (.+)")
    async def set_service(self, setting, value):
        await self._command("service", setting=setting, value=value)

    @step(r"hbbs restarts")
    async def restart_hbbs(self):
        await self._command("restart_hbbs")

    @step(r"(hbbs|hbbr) is told (.+)")
    async def tell_console(self, server, words):
        await self._command(f"{server}_console", words.split())

    @step(r"wait " + SECONDS)
    async def wait(self, seconds):
        await asyncio.sleep(limit(seconds))


def _forged(address):
    return [["X-Real-IP", address], ["X-Forwarded-For", address]] if address else []


def _nothing_left(rest):
    if rest.strip():
        raise ScenarioFailure(f"'{rest.strip()}' is not understood")
