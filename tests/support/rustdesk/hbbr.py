#!/usr/bin/env python3
"""A relay that behaves on the wire as RustDesk's hbbr 1.1.x, for tests.

  hbbr.py [--bind A] [--port 21117] [--key K] [--log FILE] [--clock-scale N] [--until-eof]

Ports: TCP R and WebSocket R+2. As hbbr does it: the first message must be a RequestRelay, within 30 s, with the key if
there is one; without a uuid it is dropped. Who comes first with a uuid waits 30 s for another one, whoever that is;
hbbr says nothing to either, and does not notice that a waiting one has gone. Two TCP connections are copied byte by
byte; with a WebSocket, one message is one frame on the other side, and messages that are not binary become empty. After
30 s without a byte both are closed. A loopback peer of R is a console for lists of IPs that are refused.
"""
import asyncio
import ipaddress
import sys

import mangle
import serving
import wire
from links import BINARY, ENDS, TcpLink, accept_ws

PATIENCE = 30
_BLOCK_ADD, _BLOCK_REMOVE, _BLOCK_LIST = (("blocklist-add", "Ba"), ("blocklist-remove", "Br"), ("blocklist", "B"))


class Waiting:
    """The first of two."""

    def __init__(self, link):
        self.link = link
        self.paired = asyncio.Event()
        self.done = asyncio.Event()


class Hbbr:
    def __init__(self, options):
        self._options = options
        self._log = serving.Log(options.log)
        self._patience = PATIENCE / options.clock_scale
        self._waiting = {}
        self._blocked = set()

    async def start(self):
        await serving.serve_tcp(self._options.bind, self._options.port, self._serve_tcp)
        await serving.serve_tcp(self._options.bind, self._options.port + 2, self._serve_ws)
        self._log.write("ready", port=self._options.port)

    async def _serve_tcp(self, reader, writer):
        link = TcpLink(reader, writer)
        if ipaddress.ip_address(link.peer[0]).is_loopback:
            line = (await asyncio.wait_for(link.receive_raw(), PATIENCE)).decode(errors="replace").strip()
            await link.send_raw(self._console(line).encode())
            return
        await self._serve(link, self._options.port)

    async def _serve_ws(self, reader, writer):
        await self._serve(await asyncio.wait_for(accept_ws(reader, writer), self._patience), self._options.port + 2)

    async def _serve(self, link, port):
        if link.peer[0] in self._blocked:
            return self._drop(link, "blocked")
        data = await asyncio.wait_for(link.receive(), self._patience)
        if data is None:
            return self._drop(link, "closed before it said anything")
        message, problem = None, None
        try:
            message = wire.decode(data)
        except wire.DecodeError as error:
            problem = str(error)
        self._log.message("received", link.peer, link.kind, port, data, message, problem)
        if message is None or message.member != "request_relay":
            return self._drop(link, "no RequestRelay")
        if self._options.key and message["licence_key"] != self._options.key:
            return self._drop(link, "another key")
        if not message["uuid"]:
            return self._drop(link, "no uuid")
        return await self._meet(link, message["uuid"])

    def _drop(self, link, why):
        self._log.write("dropped", **{"from": mangle.text(link.peer)}, why=why)

    async def _meet(self, link, uuid):
        first = self._waiting.pop(uuid, None)
        if first is not None:
            first.paired.set()
            await self._relay(first.link, link, uuid)
            first.done.set()
            return
        mine = self._waiting[uuid] = Waiting(link)
        try:
            await asyncio.wait_for(mine.paired.wait(), self._patience)
        except TimeoutError:
            del self._waiting[uuid]
            self._drop(link, "alone")
            return
        await mine.done.wait()

    async def _relay(self, one, other, uuid):
        sides = {"one": mangle.text(one.peer), "other": mangle.text(other.peer)}
        self._log.write("paired", uuid=uuid, **sides)
        pair = Pair(one, other, self._patience)
        await pair.run()
        self._log.write("parted", uuid=uuid, bytes=pair.bytes, **sides)

    def _console(self, line):
        command, _, argument = line.partition(" ")
        ips = set(filter(None, argument.split("|")))
        if command in _BLOCK_ADD:
            self._blocked |= ips
        elif command in _BLOCK_REMOVE:
            self._blocked = set() if ips == {"all"} else self._blocked - ips
        elif command in _BLOCK_LIST:
            return "".join(f"{ip}\n" for ip in sorted(self._blocked))
        return ""


class Pair:
    """Copies between two links until one of them ends or both are silent for too long."""

    def __init__(self, one, other, patience):
        self._links = (one, other)
        self._patience = patience
        self._raw = one.kind == other.kind == "tcp"
        self._last = asyncio.get_running_loop().time()
        self.bytes = 0

    async def run(self):
        one, other = self._links
        tasks = [asyncio.create_task(work) for work in (self._copy(one, other), self._copy(other, one), self._idle())]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for link in self._links:
            link.close()

    async def _copy(self, source, to):
        try:
            while (data := await self._next(source)) is not None:
                self._last = asyncio.get_running_loop().time()
                self.bytes += len(data)
                await (to.send_raw(data) if self._raw else to.send(data))
        except ENDS:
            pass

    async def _next(self, source):
        if self._raw:
            return await source.receive_raw() or None
        if source.kind == "tcp":
            return await source.receive()
        opcode, payload = await source.receive_message()
        return payload if opcode in (BINARY, None) else b""

    async def _idle(self):
        while (left := self._last + self._patience - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(left)


async def main():
    parser = serving.options("A relay for tests", 21117)
    parser.add_argument("--key", default="", help="the licence_key that a RequestRelay must have")
    options = parser.parse_args()
    await Hbbr(options).start()
    await serving.until_the_end(options.until_eof)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
