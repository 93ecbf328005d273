"""The places of a scenario: network namespaces, each with an agent (agent.py) that is asked to do things there.

A network is described in JSON:
  {"places": {"office": {"namespace": "NAME", "server": "203.0.113.10", "relay": "203.0.113.10",
                         "seen_as": "192.0.2.10", "nat": false}},
   "logs": {"hbbs": "FILE", "hbbr": "FILE"}, "licence_key": "", "public_key": "", "clock_scale": 1,
   "gateway": "NAME", "commands": {"ban": ["ip", "netns", "exec", "{gateway}", "gatehouse", "ban", "add", "--device",
                                           "{target}"], ...}}
`server` and `relay` are the addresses of hbbs and hbbr as the place dials them, `seen_as` is the one that they must
see, `nat` says that its ports may be changed on the way, `gateway` is what {gateway} stands for in commands,
`public_key` the server's as clients have it (`server_key`, for a gateway, is the file of the whole key). Only `places`
must be there.
"""
import asyncio
import base64
import itertools
import json
import os
import subprocess
import sys

from client_base import key_of, uuid_of

_HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = float(os.environ.get("GATEHOUSE_TEST_PATIENCE", "1"))
_LONGEST_ANSWER = 1 << 24


class AgentError(RuntimeError):
    """What was asked of an agent could not be done there."""


class Place:
    def __init__(self, name, description, network):
        self.name = name
        self.namespace = description["namespace"]
        self.seen_as = description.get("seen_as", description.get("address", ""))
        self.nat = description.get("nat", False)
        self.server = {"host": description["server"], "relay_host": description.get("relay", description["server"]),
                       "licence_key": network.get("licence_key", ""), "clock_scale": network.get("clock_scale", 1)}
        self._numbers = itertools.count(1)
        self._waiting = {}
        self._process = self._reader = None

    async def ask(self, do, **arguments):
        """Starts the agent when it is asked first. Raises AgentError."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                "ip", "netns", "exec", self.namespace, sys.executable, os.path.join(_HERE, "agent.py"),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LONGEST_ANSWER)
            self._reader = asyncio.create_task(self._read())
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        self._process.stdin.write(json.dumps({"n": number, "do": do, **arguments}).encode() + b"\n")
        return await answer

    async def _read(self):
        while line := await self._process.stdout.readline():
            answer = json.loads(line)
            future = self._waiting.pop(answer["n"])
            if "error" in answer:
                future.set_exception(AgentError(f"{self.name}: {answer['error']}"))
            else:
                future.set_result(answer["value"])
        for future in self._waiting.values():
            future.set_exception(AgentError(f"{self.name}: its agent has ended"))

    async def stop(self):
        if self._process:
            self._process.stdin.close()
            await self._process.wait()
            await self._reader


class ServerLog:
    """The lines that hbbs.py or hbbr.py has written since `begin()`."""

    def __init__(self, path):
        self._path, self._offset = path, 0

    def begin(self):
        self._offset = os.path.getsize(self._path)

    def end(self):
        return os.path.getsize(self._path)

    def received(self, member, device=None, since=None):
        """The messages of this kind that came, of this id if one is given."""
        return [line for line in self.events("received", since)
                if line["message"] == member and device in (None, line["fields"].get("id"))]

    def events(self, event, since=None):
        with open(self._path, encoding="utf-8") as file:
            file.seek(self._offset if since is None else since)
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        return [line for line in lines if line["event"] == event]


class Network:
    def __init__(self, description):
        self.places = {name: Place(name, place, description) for name, place in description["places"].items()}
        self.logs = {name: ServerLog(path) for name, path in description.get("logs", {}).items()}
        self.public_key = description.get("public_key", "")
        self._commands = description.get("commands", {})
        self._gateway = description.get("gateway", "")

    def has_command(self, name):
        return name in self._commands

    async def run(self, name, words=(), **values):
        """Runs a command of the description, its {placeholders} filled in and the words behind it; (status, output)."""
        if name not in self._commands:
            raise KeyError(f"the network has no command '{name}'")
        command = [part.format(gateway=self._gateway, **values) for part in self._commands[name]] + list(words)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = await process.communicate()
        return process.returncode, output.decode(errors="replace").strip()

    async def stop(self):
        await asyncio.gather(*(place.stop() for place in self.places.values()))


def ban_target(kind, name):
    """How the gateway names what is banned of a device: its id, its uuid or its key (in base64)."""
    values = {"device": lambda: name, "uuid of": lambda: "uuid:" + base64.b64encode(uuid_of(name)).decode(),
              "key of": lambda: "pk:" + base64.b64encode(key_of(name)).decode()}
    return values[kind]()
