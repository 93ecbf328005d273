"""Clients that do harm by their number or their slowness, for tests of what the others feel of it."""
import asyncio
import itertools
import socket

from client_base import key_of, uuid_of
from frames import frame
from links import ENDS, open_stream
from wire import Message

_AT_ONCE = 200  # connections that are being opened
_EACH_PORT = 50  # datagrams from one port
_FIRST_ID = 400_000_000


async def open_idle(server, port, count):
    """Opens this many connections that say nothing; the writers of those that were opened."""
    gate, opened = asyncio.Semaphore(_AT_ONCE), []

    async def one():
        async with gate:
            try:
                opened.append((await open_stream((server.host, port), None, 10))[1])
            except ENDS:
                pass

    await asyncio.gather(*(one() for _ in range(count)))
    return opened


async def trickle(server, target):
    """A good request, a byte a second. Returns when the other side has had enough, or all is said."""
    _, writer = await open_stream(server.at(), None, 10)
    try:
        for byte in frame(Message("punch_hole_request", id=target, licence_key=server.licence_key).encode()):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(1)
    except ENDS:
        pass
    writer.close()


async def go_on_forging(server):
    """As below, some hundreds a second, until it is cancelled."""
    for first in itertools.count(_FIRST_ID, _EACH_PORT):
        await register_forged(server, _EACH_PORT, first)
        await asyncio.sleep(0.2)


async def register_forged(server, count, begin=_FIRST_ID):
    """Heartbeats and keys of this many invented devices, from many ports; no answer is waited for."""
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    for first in range(begin, begin + count, _EACH_PORT):
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            for number in range(first, min(first + _EACH_PORT, begin + count)):
                device = str(number)
                for message in (Message("register_peer", id=device),
                                Message("register_pk", id=device, uuid=uuid_of(device), pk=key_of(device))):
                    try:
                        sender.sendto(message.encode(), server.at())
                    except OSError:
                        pass  # refused by somebody on the way: that is what floods are for
        await asyncio.sleep(0)
