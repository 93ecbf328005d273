"""What hbbs.py and hbbr.py share: listening sockets as the real servers have them, the log, and how they end."""
import argparse
import asyncio
import json
import resource
import socket
import sys
import time

import mangle

BACKLOG = 16384


class Log:
    """One JSON object a line: {"at": seconds, "event": ..., "from": "192.0.2.10:40000", ...}; "-" is standard
    output."""

    def __init__(self, path):
        self._file = sys.stdout if path == "-" else open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def write(self, event, **more):
        self._file.write(json.dumps({"at": round(time.time(), 4), "event": event, **more}) + "\n")
        self._file.flush()

    def message(self, event, source, transport, port, data, message, problem=None):
        """A message that came. `source` is the address that the socket saw."""
        self.write(event, **{"from": mangle.text(source)}, transport=transport, port=port, raw=data.hex(),
                   message=message.member if message else None, fields=message.readable() if message else {},
                   problem=problem)


def listening(kind, address, port):
    """A socket for this address, or without one for both families: one socket on ::, as the servers have it."""
    family = socket.AF_INET if address and ":" not in address else socket.AF_INET6
    new = socket.socket(family, kind)
    if family == socket.AF_INET6:
        new.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if address else 0)
    if kind == socket.SOCK_STREAM:
        new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    new.setblocking(False)
    new.bind((address or "::", port))
    return new


async def serve_tcp(address, port, handle):
    """Calls `handle(reader, writer)` for each connection; it is closed when that returns."""

    running = set()

    async def serve(reader, writer):
        try:
            await handle(reader, writer)
        except (ConnectionError, OSError):
            pass
        finally:
            writer.close()

    def accepted(reader, writer):  # a task of our own: start_server() complains of its own ones when they are cancelled
        task = asyncio.create_task(serve(reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    return await asyncio.start_server(accepted, sock=listening(socket.SOCK_STREAM, address, port), backlog=BACKLOG)


def allow_many_descriptors():
    """As many as the kernel gives: ten thousand connections are nothing unusual here."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def options(description, port):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bind", default="", help="the address to listen on; without it all, of both families")
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--log", default="-", help="where each message that comes is a line")
    parser.add_argument("--clock-scale", type=float, default=1, help="all time limits are shorter by this factor")
    parser.add_argument("--until-eof", action="store_true", help="ends when standard input, a pipe, does")
    return parser


async def until_the_end(until_eof):
    allow_many_descriptors()
    if not until_eof:
        await asyncio.Event().wait()
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
