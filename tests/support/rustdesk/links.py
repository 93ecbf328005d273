"""Connections that carry messages: TCP with RustDesk's framing, or WebSocket (RFC 6455), where one binary message is
one payload. Both are asyncio and look the same to who uses them:

    await link.send(payload)      link.receive() -> payload, or None at the end      link.close()

`peer` and `local` are (address, port), IPv4 spelled as IPv4. All ends are alike: whoever resets a connection has ended
it.
"""
import asyncio
import base64
import hashlib
import os
import socket

import mangle
from frames import FrameReader, frame

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_LONGEST_HEAD = 16384
ENDS = (ConnectionError, asyncio.IncompleteReadError, TimeoutError, OSError)


class _Link:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.peer, self.local = (_address(writer.get_extra_info(which)) for which in ("peername", "sockname"))

    async def _write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    async def send_raw(self, data):
        """Bytes as they are, ends and headers are the caller's."""
        await self._write(data)

    def close(self):
        self.writer.close()

    def abort(self):
        """Ends it by a reset."""
        self.writer.transport.abort()


def _address(name):
    return (mangle.plain(name[0]), name[1]) if name else mangle.NOWHERE


class TcpLink(_Link):
    kind = "tcp"

    def __init__(self, reader, writer):
        super().__init__(reader, writer)
        self._frames = FrameReader()
        self.cipher = None  # secure_tcp.Cipher, once both sides have it

    async def send(self, payload):
        await self._write(frame(self.cipher.seal(payload) if self.cipher else payload))

    async def receive(self):
        """May be cancelled: what has come stays."""
        while (payload := self._frames.next()) is None:
            try:
                data = await self.reader.read(65536)
            except ENDS:
                data = b""
            if not data:
                return None
            self._frames.feed(data)
        return self.cipher.open(payload) if self.cipher else payload

    async def receive_raw(self):
        """From here on without frames: the next bytes, empty at the end."""
        try:
            return self._frames.rest() or await self.reader.read(65536)
        except ENDS:
            return b""


class WsLink(_Link):
    kind = "ws"

    def __init__(self, reader, writer, masked, headers):
        super().__init__(reader, writer)
        self._masked, self.headers = masked, headers
        self._opcode, self._parts = None, []  # of a message that has not ended

    async def send(self, payload, opcode=BINARY, final=True):
        await self._write(ws_frame(payload, opcode, final, self._masked))

    async def receive(self):
        """The next binary message; others are passed over."""
        while True:
            opcode, payload = await self.receive_message()
            if opcode is None or opcode == BINARY:
                return payload

    async def receive_message(self):
        """(opcode, payload) of the next whole message, (None, None) at the end. Pings are answered, and are
        messages."""
        try:
            while True:
                final, code, payload = await self._receive_frame()
                if code == CLOSE:
                    await self.send(payload[:2], CLOSE)
                    return None, None
                if code == PING:
                    await self.send(payload, PONG)
                if code in (PING, PONG):
                    return code, payload
                self._opcode = code or self._opcode
                self._parts.append(payload)
                if final:
                    whole, self._parts = b"".join(self._parts), []
                    return self._opcode, whole
        except ENDS:
            return None, None

    async def _receive_frame(self):
        first, second = await self.reader.readexactly(2)
        length = second & 127
        if length > 125:
            length = int.from_bytes(await self.reader.readexactly(2 if length == 126 else 8), "big")
        mask = await self.reader.readexactly(4) if second & 128 else None
        if (mask is None) == (not self._masked):  # RFC 6455 section 5.1: clients mask, servers do not
            raise ConnectionError("masked the wrong way")
        payload = await self.reader.readexactly(length)
        return bool(first & 128), first & 15, _masked(payload, mask) if mask else payload


def _masked(payload, mask):
    return bytes(byte ^ mask[index & 3] for index, byte in enumerate(payload))


def ws_frame(payload, opcode=BINARY, final=True, masked=True):
    head = bytes([opcode | (128 if final else 0)])
    mask_bit = 128 if masked else 0
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    elif len(payload) < 65536:
        head += bytes([mask_bit | 126]) + len(payload).to_bytes(2, "big")
    else:
        head += bytes([mask_bit | 127]) + len(payload).to_bytes(8, "big")
    mask = os.urandom(4)
    return head + (mask + _masked(payload, mask) if masked else payload)


def _accept_key(key):
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()


async def _head(reader):
    """The first line and the headers, their names in small letters."""
    data = await reader.readuntil(b"\r\n\r\n")
    if len(data) > _LONGEST_HEAD:
        raise ConnectionError("a head too long")
    first, *lines = data.decode("latin-1").split("\r\n")[:-2]
    return first, {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}


async def accept_ws(reader, writer):
    """The server's side of the opening handshake. Raises ConnectionError if it is none."""
    try:
        _, headers = await _head(reader)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise ConnectionError("no opening handshake") from error
    if "sec-websocket-key" not in headers:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        raise ConnectionError("no WebSocket")
    writer.write(("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Accept: {_accept_key(headers['sec-websocket-key'])}\r\n\r\n").encode())
    return WsLink(reader, writer, False, headers)


def socket_to(server, source=None):
    """A TCP socket of the server's family; `source` binds it so that others may use the same address and port."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    new = socket.socket(family, socket.SOCK_STREAM)
    new.setblocking(False)
    if source:
        new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        new.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        new.bind(source)
    return new


async def open_stream(server, source=None, patience=10):
    new = socket_to(server, source)
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(new, server), patience)
        return await asyncio.open_connection(sock=new)
    except BaseException:
        new.close()
        raise


async def open_tcp(server, source=None, patience=10):
    return TcpLink(*await open_stream(server, source, patience))


async def open_ws(server, path="/", headers=(), patience=10):
    """A WebSocket to (address, port); `headers` are pairs that go into the request as they are."""
    reader, writer = await open_stream(server, None, patience)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", f"Host: {mangle.text(server)}", "Upgrade: websocket", "Connection: Upgrade",
             f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *(f"{name}: {value}" for name, value in headers)]
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode())
        first, answer = await asyncio.wait_for(_head(reader), patience)
        if " 101 " not in first or answer.get("sec-websocket-accept") != _accept_key(key):
            raise ConnectionError(f"no WebSocket: {first}")
    except BaseException as error:
        writer.close()
        if isinstance(error, asyncio.IncompleteReadError):
            raise ConnectionError("closed instead of an opening handshake") from error
        raise
    return WsLink(reader, writer, True, answer)
