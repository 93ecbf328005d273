"""The controlled side of a stock RustDesk client: registers by UDP and answers what hbbs pushes to it.

As clients do it (RustDesk rendezvous.proto; client 1.2 to 1.4): a heartbeat 15 s after the last answer, every 3 s while
unanswered, a new port each minute without an answer. As long as no RegisterPk was answered with OK, RegisterPk takes
the place of the heartbeat; request_pk asks for it at any time. UUID_MISMATCH makes it draw another id at once;
NOT_DEPLOYED makes it slower; every other result is tried again with the next heartbeat. A session is an echo: what the
other side sends comes back.
"""
import asyncio
import random
import socket
import time
import uuid

import mangle
import wire
from client_base import VERSION, echo, key_of, open_relay, uuid_of
from links import ENDS, TcpLink, open_stream, open_tcp
from wire import NAT, PK_RESULT, Message, name_of

_HEARTBEAT, _RESEND, _NEW_PORT, _NOT_DEPLOYED_WAIT = 15, 3, 60, 30
_LISTEN = 20


class Device(asyncio.DatagramProtocol):
    def __init__(self, device, server, uuid_from=None, key_from=None, known=False, relays=False, transport="tcp",
                 source_port=0):
        self.id, self.ids = device, [device]
        self._server = server
        self.uuid, self.key = uuid_of(uuid_from or device), key_of(key_from or device)
        self._relays, self._relay_transport = relays, transport
        self._source_port = source_port
        self._confirmed = known  # whether the server has this key, as far as the client knows
        self.online = False
        self.answers = []  # (seconds of the monotonic clock, text), the newest last
        self.pushes = []
        self.sessions = 0  # that are open
        self.sent = 0
        self._udp = None
        self._answered, self._again, self._news = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._wait = _HEARTBEAT
        self._tasks = {asyncio.create_task(self._run())}

    def stop(self):
        for task in self._tasks:
            task.cancel()
        if self._udp:
            self._udp.close()

    def state(self):
        now = time.monotonic()
        return {"id": self.id, "ids": self.ids, "online": self.online, "sent": self.sent, "pushes": self.pushes,
                "sessions": self.sessions, "port": self._udp.get_extra_info("sockname")[1] if self._udp else 0,
                "answers": [[round(now - at, 3), text] for at, text in self.answers]}

    async def wait(self, is_true, patience):
        """Whether `is_true(self)` within this many seconds."""
        end = time.monotonic() + patience
        while not is_true(self):
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), max(0.001, end - time.monotonic()))
            except TimeoutError:
                return is_true(self)
        return True

    # Registration

    async def _run(self):
        seconds = self._server.seconds
        while True:
            await self._open_udp()
            last_answer = time.monotonic()
            while time.monotonic() - last_answer < seconds(_NEW_PORT):
                self._answered.clear()
                self._again.clear()
                self._send_heartbeat()
                try:
                    await asyncio.wait_for(self._answered.wait(), seconds(_RESEND))
                except TimeoutError:
                    self.online = False
                    self._news.set()
                    continue
                last_answer = time.monotonic()
                try:
                    await asyncio.wait_for(self._again.wait(), seconds(self._wait))
                except TimeoutError:
                    pass

    async def _open_udp(self):
        if self._udp:
            self._udp.close()
        family = socket.AF_INET6 if ":" in self._server.host else socket.AF_INET
        source = ("::" if family == socket.AF_INET6 else "0.0.0.0", self._source_port)
        self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=source, remote_addr=self._server.at())

    def _send(self, message):
        self.sent += 1
        self._udp.sendto(message.encode())

    def _send_heartbeat(self):
        if self._confirmed:
            self._send(Message("register_peer", id=self.id))
        else:
            self._send_key()

    def _send_key(self):
        self._send(Message("register_pk", id=self.id, uuid=self.uuid, pk=self.key))

    def error_received(self, exc):
        """A server that is away is one that does not answer."""

    def datagram_received(self, data, _):
        try:
            message = wire.decode(data)
        except wire.DecodeError:
            return
        if message is None:
            return
        if message.member == "register_peer_response":
            self._heard("request_pk" if message["request_pk"] else "ok")
            self.online = True
            if message["request_pk"]:
                self._send_key()
        elif message.member == "register_pk_response":
            self._key_answered(name_of(PK_RESULT, message["result"]))
        elif message.member in ("punch_hole", "fetch_local_addr", "request_relay", "configure_update"):
            self.pushes.append(message.member)
            self._start(getattr(self, f"_{message.member}")(message))
        self._news.set()

    def _heard(self, text):
        self.answers.append((time.monotonic(), text))
        self._answered.set()

    def _key_answered(self, result):
        self._heard(result)
        self._wait = _NOT_DEPLOYED_WAIT if result == "NOT_DEPLOYED" else _HEARTBEAT
        if result == "OK":
            self._confirmed = self.online = True
        elif result == "NOT_DEPLOYED":
            self._confirmed = False
        elif result == "UUID_MISMATCH":
            self.id = str(random.randint(1_000_000_000, 1_999_999_999))
            self.ids.append(self.id)
            self._confirmed = False
            self._again.set()

    def _start(self, work):
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())

    # Pushes

    async def _configure_update(self, _):
        pass

    async def _punch_hole(self, message):
        if message["nat_type"] == NAT["SYMMETRIC"] or message["force_relay"] or self._relays:
            await self._begin_relay(message)
            return
        link = await self._dial_hbbs()
        sent = Message("punch_hole_sent", socket_addr=message["socket_addr"], id=self.id,
                       relay_server=message["relay_server"], nat_type=NAT["ASYMMETRIC"], version=VERSION)
        await self._expect_session(link, sent, mangle.decode(message["socket_addr"]))

    async def _fetch_local_addr(self, message):
        if self._relays:
            await self._begin_relay(message)
            return
        link = await self._dial_hbbs()
        answer = Message("local_addr", socket_addr=message["socket_addr"], local_addr=mangle.encode(*link.local),
                         relay_server=message["relay_server"], id=self.id, version=VERSION)
        await self._expect_session(link, answer, None)

    async def _request_relay(self, message):
        """The other side has chosen the uuid; the answer repeats nothing but its address."""
        await self._tell_hbbs(Message("relay_response", socket_addr=message["socket_addr"], version=VERSION))
        await self._relay(message["relay_server"], message["uuid"])

    async def _begin_relay(self, message):
        chosen = str(uuid.uuid4())
        await self._tell_hbbs(Message("relay_response", socket_addr=message["socket_addr"], uuid=chosen, id=self.id,
                                      relay_server=message["relay_server"], version=VERSION))
        await self._relay(message["relay_server"], chosen)

    async def _serve(self, link):
        self.sessions += 1
        self._news.set()
        try:
            await echo(link)
        finally:
            self.sessions -= 1
            self._news.set()

    async def _relay(self, relay_server, chosen):
        await self._serve(await open_relay(self._server, relay_server, chosen, transport=self._relay_transport))

    async def _dial_hbbs(self):
        return await open_tcp(self._server.at(), ("::" if ":" in self._server.host else "0.0.0.0", 0))

    async def _tell_hbbs(self, message):
        link = await open_tcp(self._server.at())
        await link.send(message.encode())
        await asyncio.wait_for(link.receive(), 5)  # hbbs closes it; a stray KeyExchange is nothing to it
        link.close()

    async def _expect_session(self, link, message, other_side):
        """Sends the message and listens on the port it was sent from. To the other side's address goes one attempt,
        from the same port, so that a NAT on this side lets its answer in."""
        here = link.local
        listener = socket.socket(socket.AF_INET6 if ":" in here[0] else socket.AF_INET, socket.SOCK_STREAM)
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            listener.setsockopt(socket.SOL_SOCKET, option, 1)
        listener.bind(here)
        done = asyncio.Event()

        async def serve(link):
            await self._serve(link)
            done.set()

        def accepted(reader, writer):
            self._start(serve(TcpLink(reader, writer)))

        async with await asyncio.start_server(accepted, sock=listener):
            if other_side:
                self._start(self._open_nat(other_side, here))
            await link.send(message.encode())
            try:
                await asyncio.wait_for(done.wait(), _LISTEN)
            except TimeoutError:
                pass
        link.close()

    async def _open_nat(self, other_side, here):
        try:
            await self._serve(TcpLink(*await open_stream(other_side, here, 2)))
        except ENDS:
            pass
