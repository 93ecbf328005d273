#!/usr/bin/env python3
"""The clients of one place, driven over standard input and output, a JSON object a line; runs in the place's network
namespace and ends with its standard input. Requests are answered when they are done, in any order:

  {"n": 1, "do": "start_device", "device": "123456789", "server": {"host": "203.0.113.10"}}
  {"n": 1, "value": null}      or      {"n": 1, "error": "..."}
"""
import asyncio
import base64
import json
import sys

import flood
import malformed
from client import Controller, Device, Server
from serving import allow_many_descriptors
from wire import MEMBER_NUMBERS, Message

_INNOCENT = "999999999"  # an id that no device has
_USUAL = {"udp": "register_peer", "tcp": "punch_hole_request", "ws": "punch_hole_request"}


class Agent:
    def __init__(self):
        self._devices = {}
        self._links = {}
        self._idle, self._going_on = [], []

    def _device(self, device):
        if device not in self._devices:
            raise KeyError(f"device {device} does not run here")
        return self._devices[device]

    async def start_device(self, device, server, **options):
        await self.stop_device(device)
        self._devices[device] = Device(device, Server(**server), **options)

    async def stop_device(self, device):
        running = self._devices.pop(device, None)
        if running:
            running.stop()

    async def device(self, device):
        return self._device(device).state()

    async def wait_device(self, device, what, patience, since=0):
        """Waits for `online`, `no sessions` or an answer with this name, the first `since` answers not counted."""
        conditions = {"online": lambda one: one.online, "no sessions": lambda one: one.sessions == 0}
        answered = lambda one: any(text == what for _, text in one.answers[since:])
        found = await self._device(device).wait(conditions.get(what, answered), patience)
        return found, self._device(device).state()

    async def punch(self, name, server, target, controller, **more):
        return self._keep(name, await _controller(server, controller).punch(target, **more))

    async def relay(self, name, server, target, controller, **more):
        return self._keep(name, await _controller(server, controller).relay(target, **more))

    async def join(self, name, server, target, controller, uuid):
        return self._keep(name, await _controller(server, controller).relay_alone(target, uuid))

    def _keep(self, name, outcome):
        old = self._links.pop(name, None)
        if old:
            old.close()
        if outcome.link:
            self._links[name] = outcome.link
        return outcome.report()

    async def exchange(self, name, data, patience):
        """Whether these bytes come back."""
        link = self._links[name]
        try:
            await link.send(data.encode())
            return await asyncio.wait_for(link.receive(), patience) == data.encode()
        except OSError:
            return False

    async def wait_closed(self, name, patience):
        try:
            while await asyncio.wait_for(self._links[name].receive(), patience) is not None:
                pass
        except TimeoutError:
            return False
        return True

    async def close(self, name):
        self._links.pop(name).close()

    async def online(self, server, controller, peers):
        return await _controller(server, controller).online(peers)

    async def test_nat(self, server, controller):
        return await _controller(server, controller).test_nat()

    async def send(self, kind, server, transport, target, patience, headers=()):
        member, kind = (kind, "good") if kind in MEMBER_NUMBERS else (_USUAL[transport], kind)
        more = {"licence_key": server.get("licence_key", "")} if member == "punch_hole_request" else {}
        messages = Message(member, id=target, **more), Message(member, id=_INNOCENT, **more)
        if transport == "ws":
            return await malformed.send_ws(kind, Server(**server), *messages, patience, headers)
        sender = malformed.send_udp if transport == "udp" else malformed.send_tcp
        return await sender(kind, Server(**server), *messages, patience)

    async def open_idle(self, server, port, count):
        opened = await flood.open_idle(Server(**server), port, count)
        self._idle += opened
        return len(opened)

    async def trickle(self, server, target):
        self._going_on.append(asyncio.create_task(flood.trickle(Server(**server), target)))

    async def go_on_forging(self, server):
        self._going_on.append(asyncio.create_task(flood.go_on_forging(Server(**server))))

    async def register_forged(self, server, count):
        await flood.register_forged(Server(**server), count)


def _controller(server, options):
    key = options.pop("public_key", None)
    return Controller(Server(**server), public_key=key and base64.b64decode(key), **options)


async def _answer(agent, request):
    number, what = request.pop("n"), request.pop("do")
    try:
        answer = {"n": number, "value": await getattr(agent, what)(**request)}
    except Exception as error:  # whatever it is, the runner has to know
        answer = {"n": number, "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)


async def main():
    allow_many_descriptors()
    agent, tasks = Agent(), set()
    reader = asyncio.StreamReader(limit=1 << 24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        task = asyncio.create_task(_answer(agent, json.loads(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    asyncio.run(main())
