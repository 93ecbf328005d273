#!/usr/bin/env python3
"""A rendezvous server that behaves on the wire as RustDesk's hbbs 1.1.12 or 1.1.17, for tests.

  hbbs.py [--bind A] [--port 21116] [--version 1.1.12|1.1.17] [--key BASE64] [--encrypt FILE] [--always-relay]
          [--relay-servers HOST[,HOST]] [--store FILE] [--log FILE] [--clock-scale N] [--until-eof] [--self-test]

Ports: UDP and TCP P, TCP P-1 (NAT test, who is online, console from loopback), WebSocket P+2. Every message that comes
is a line of the log, with the address and port that the socket saw; so is each that goes out.

As hbbs does it (RustDesk rendezvous.proto; behaviour of hbbs 1.1.x):
- A punch is answered at once only if it fails; otherwise the target is told by UDP from P, and its PunchHoleSent,
  LocalAddr or RelayResponse goes to the connection whose address it names. That answer is the last one that connection
  gets.
- Who asks and is asked from the same IP gets FetchLocalAddr, unless it asks by WebSocket.
- UDP also takes PunchHoleRequest up to 1.1.15 and PunchHoleSent and LocalAddr up to 1.1.16.
- What is no message, and what has no business on TCP, ends the connection; a datagram of that kind is ignored.
- X-Real-IP, or else X-Forwarded-For, of a WebSocket is believed; the port is 0 then.
- A loopback peer of P-1 is a console. Up to 1.1.14, ::ffff:127.0.0.1 is not taken for loopback.

With --encrypt as the servers are that encrypt TCP (lejianwen's fork and others): a KeyExchange first, on P only. A
client that does not answer it goes on in plaintext. FILE is an Ed25519 key as hbbs has it; it also signs the keys of
devices, for which there is another one that nobody knows without it. SIGHUP is a restart: the memory is gone, the store
is not; with SIGUSR1 that too. Not there: --mask, the geographical choice of relays, SoftwareUpdate.
"""
import asyncio
import ipaddress
import itertools
import os
import signal
import socket
import sys

import mangle
import secure_tcp
import serving
import wire
from hbbs_peers import Peers
from links import ENDS, TcpLink, accept_ws
from wire import FAILURE, NAT, PK_RESULT, Message

IDLE = 30
SELF_TEST_ID = "(:test_hbbs:)"
_SELF_TEST_EVERY, _SELF_TEST_PATIENCE = 1, 12


class Session:
    """A connection to P or P+2."""

    def __init__(self, link, address):
        self.link, self.address = link, address
        self.handshake = None
        self.is_sink = False  # whether it waits, under its address, for the answer of another device


class Hbbs(asyncio.DatagramProtocol):
    def __init__(self, options):
        self._options = options
        self._version = tuple(map(int, options.version.split(".")))
        self._log = serving.Log(options.log)
        self._peers = Peers(options.store, options.clock_scale)
        self._sinks = {}
        self._relays = itertools.cycle(options.relay_servers.split(","))
        self._always_relay = options.always_relay
        self._serial, self._servers = 0, []
        self._punches = []  # for the console
        self._encrypts = bool(options.encrypt)
        keys = secure_tcp.read_server_key(options.encrypt) if options.encrypt else secure_tcp.new_server_key()
        self._signing_key = keys[1]
        self._udp, self._udp_is_v6 = None, False

    async def start(self):
        bind, port = self._options.bind, self._options.port
        datagrams = serving.listening(socket.SOCK_DGRAM, bind, port)
        self._udp_is_v6 = datagrams.family == socket.AF_INET6
        self._udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=datagrams)
        await serving.serve_tcp(bind, port, self._serve_main)
        await serving.serve_tcp(bind, port - 1, self._serve_nat)
        await serving.serve_tcp(bind, port + 2, self._serve_ws)
        self._log.write("ready", port=port, version=self._options.version)

    # UDP

    def datagram_received(self, data, source):
        source = (mangle.plain(source[0]), source[1])
        message = self._decode("received", data, source, "udp", self._options.port)
        handler = getattr(self, f"_udp_{message.member}", None) if message else None
        if handler:
            handler(message, source)

    def error_received(self, exc):
        """A port unreachable that comes back for a push is nobody's business."""

    def _send_udp(self, message, to):
        self._log.write("sent", to=mangle.text(to), transport="udp", message=message.member, fields=message.readable())
        host = f"::ffff:{to[0]}" if self._udp_is_v6 and ":" not in to[0] else to[0]
        self._udp.sendto(message.encode(), (host, to[1]))

    def _udp_register_peer(self, message, source):
        if not message["id"]:
            return
        wants_key = self._peers.heartbeat(message["id"], source)
        self._send_udp(Message("register_peer_response", request_pk=wants_key), source)
        if self._serial > message["serial"]:
            self._send_udp(self._update(), source)

    def _udp_register_pk(self, message, source):
        result = self._peers.register(message["id"], message["uuid"], message["pk"], source)
        if result:
            self._send_udp(Message("register_pk_response", result=PK_RESULT[result]), source)

    def _udp_punch_hole_request(self, message, source):
        if self._version <= (1, 1, 15):
            answer = self._punch(message, source, False)
            if answer:
                self._send_udp(answer, source)

    def _udp_punch_hole_sent(self, message, source):
        if self._version <= (1, 1, 16):
            self._send_udp(self._hole_sent(message, source), mangle.decode(message["socket_addr"]))

    def _udp_local_addr(self, message, _):
        if self._version <= (1, 1, 16):
            self._send_udp(self._local_addr(message), mangle.decode(message["socket_addr"]))

    def _udp_configure_update(self, message, source):
        if ipaddress.ip_address(source[0]).is_loopback and message["serial"] > self._serial:
            self._serial, self._servers = message["serial"], message["rendezvous_servers"]

    def _update(self):
        return Message("configure_update", serial=self._serial, rendezvous_servers=self._servers)

    # TCP and WebSocket

    async def _serve_main(self, reader, writer):
        link = TcpLink(reader, writer)
        session = Session(link, link.peer)
        if self._encrypts:
            session.handshake = secure_tcp.ServerHandshake(self._signing_key)
            await link.send(Message("key_exchange", keys=session.handshake.offer).encode())
        await self._serve(session, self._options.port)

    async def _serve_ws(self, reader, writer):
        link = await asyncio.wait_for(accept_ws(reader, writer), IDLE / self._options.clock_scale)
        address = link.peer
        claimed = link.headers.get("x-real-ip") or link.headers.get("x-forwarded-for", "").split(",")[0].strip()
        self._log.write("websocket", **{"from": mangle.text(link.peer)}, claimed=claimed)
        try:
            address = (mangle.plain(claimed), 0) if claimed else address
        except ValueError:
            pass
        await self._serve(Session(link, address), self._options.port + 2)

    async def _serve(self, session, port):
        link = session.link
        try:
            while True:
                data = await asyncio.wait_for(link.receive(), IDLE / self._options.clock_scale)
                if data is None or not await self._handle(data, session, port):
                    break
        except (*ENDS, secure_tcp.SecureError) as error:
            self._log.write("ended", **{"from": mangle.text(link.peer)}, port=port, why=type(error).__name__)
        if session.is_sink:
            self._sinks.pop(session.address, None)

    async def _handle(self, data, session, port):
        """Whether the connection goes on."""
        message = self._decode("received", data, session.link.peer, session.link.kind, port)
        if message is None:
            return False
        if message.member == "key_exchange" and session.handshake:
            session.link.cipher = session.handshake.answer(message["keys"])
            session.handshake = None
            return True
        handler = getattr(self, f"_tcp_{message.member}", None)
        return bool(handler and await handler(message, session))

    async def _tcp_punch_hole_request(self, message, session):
        self._make_sink(session)
        answer = self._punch(message, session.address, session.link.kind == "ws")
        if answer:
            await self._send_to_sink(answer, session.address)
        return True

    async def _tcp_request_relay(self, message, session):
        self._make_sink(session)
        peer = self._peers.in_memory(message["id"])
        if peer and peer.address:
            message.fields["socket_addr"] = mangle.encode(*session.address)
            self._send_udp(message, peer.address)
        return True

    async def _tcp_relay_response(self, message, _):
        initiator = mangle.decode(message.fields.pop("socket_addr", b""))
        if message["id"]:
            device = message.fields.pop("id")
            message.fields["pk"] = self._signed_key(device)
        await self._send_to_sink(message, initiator)
        return False

    async def _tcp_punch_hole_sent(self, message, session):
        await self._send_to_sink(self._hole_sent(message, session.address), mangle.decode(message["socket_addr"]))
        return False

    async def _tcp_local_addr(self, message, _):
        await self._send_to_sink(self._local_addr(message), mangle.decode(message["socket_addr"]))
        return False

    async def _tcp_test_nat_request(self, message, session):
        await self._answer(session.link, self._nat_answer(message, session.address))
        return False

    async def _tcp_register_pk(self, _, session):
        await self._answer(session.link, Message("register_pk_response", result=PK_RESULT["NOT_SUPPORT"]))
        return False

    def _make_sink(self, session):
        if not session.is_sink:
            session.is_sink = True
            self._sinks[session.address] = session.link

    async def _send_to_sink(self, message, address):
        link = self._sinks.pop(address, None)
        if link:
            await self._answer(link, message)

    async def _answer(self, link, message):
        self._log.write("sent", to=mangle.text(link.peer), transport=link.kind, message=message.member,
                        fields=message.readable())
        try:
            await link.send(message.encode())
        except ENDS:
            pass

    # The messages of a punch

    def _punch(self, message, source, is_ws):
        """Tells the target, or returns what is wrong."""
        if self._options.key and message["licence_key"] != self._options.key:
            return _failure("LICENSE_MISMATCH")
        peer = self._peers.find(message["id"])
        if peer is None:
            return _failure("ID_NOT_EXIST")
        if not self._peers.is_online(message["id"]):
            return _failure("OFFLINE")
        self._punches.append(f"{source[0]} -> {message['id']}@{peer.address[0]}")
        who, relay = mangle.encode(*source), next(self._relays)
        if source[0] == peer.address[0] and not is_ws:
            push = Message("fetch_local_addr", socket_addr=who, relay_server=relay)
        else:
            nat = NAT["SYMMETRIC"] if self._always_relay else message["nat_type"]
            push = Message("punch_hole", socket_addr=who, relay_server=relay, nat_type=nat)
        self._send_udp(push, peer.address)
        return None

    def _hole_sent(self, message, source):
        return Message("punch_hole_response", socket_addr=mangle.encode(*source), pk=self._signed_key(message["id"]),
                       relay_server=message["relay_server"], nat_type=message["nat_type"])

    def _local_addr(self, message):
        return Message("punch_hole_response", socket_addr=message["local_addr"], pk=self._signed_key(message["id"]),
                       relay_server=message["relay_server"], is_local=True)

    def _signed_key(self, device):
        """The key of a device as its id and key (IdPk: 1 id, 2 pk), signed."""
        peer = self._peers.find(device)
        if peer is None or not peer.pk:
            return b""
        return secure_tcp.sign(wire.member_bytes(1, device.encode()) + wire.member_bytes(2, peer.pk), self._signing_key)

    # P-1

    async def _serve_nat(self, reader, writer):
        link = TcpLink(reader, writer)
        raw = ipaddress.ip_address(writer.get_extra_info("peername")[0].split("%")[0])
        if raw.is_loopback or self._version >= (1, 1, 15) and ipaddress.ip_address(link.peer[0]).is_loopback:
            line = (await asyncio.wait_for(link.receive_raw(), IDLE)).decode(errors="replace").strip()
            self._log.write("console", **{"from": mangle.text(link.peer)}, line=line)
            await link.send_raw(self._console(line).encode())
            return
        data = await asyncio.wait_for(link.receive(), IDLE / self._options.clock_scale)
        message = data is not None and self._decode("received", data, link.peer, "tcp", self._options.port - 1)
        if message and message.member == "test_nat_request":
            await self._answer(link, self._nat_answer(message, link.peer))
        elif message and message.member == "online_request":
            states = [self._peers.is_online(peer) for peer in message["peers"]]
            await self._answer(link, Message("online_response", states=wire.online_bits(states)))

    def _nat_answer(self, message, source):
        answer = Message("test_nat_response", port=source[1])
        if self._serial > message["serial"]:
            answer.fields["cu"] = self._update()
        return answer

    def _console(self, line):
        command, _, argument = line.partition(" ")
        if command in ("always-use-relay", "aur"):
            if argument:
                self._always_relay = argument.upper() == "Y"
            return f"ALWAYS_USE_RELAY: {str(self._always_relay).lower()}\n"
        if command in ("punch-requests", "pr") and self._version >= (1, 1, 15):
            return "".join(f"{punch}\n" for punch in self._punches)
        if command in ("relay-servers", "rs"):
            return self._options.relay_servers + "\n"
        return "relay-servers(rs)\nalways-use-relay(aur)\npunch-requests(pr)\n" if command in ("h", "help") else ""

    def _decode(self, event, data, source, transport, port):
        message, problem = None, None
        try:
            message = wire.decode(data)
        except wire.DecodeError as error:
            problem = str(error)
        self._log.message(event, source, transport, port, data, message, problem)
        return message


def _failure(name):
    return Message("punch_hole_response", failure=FAILURE[name])


class _SelfTest(asyncio.DatagramProtocol):
    """hbbs sends itself a heartbeat each second and ends when none has been answered for 12 s."""

    def __init__(self):
        self.answered = asyncio.Event()

    def datagram_received(self, data, addr):
        self.answered.set()


async def _test_self(options):
    loop = asyncio.get_running_loop()
    to = (options.bind or "127.0.0.1", options.port)
    transport, protocol = await loop.create_datagram_endpoint(_SelfTest, remote_addr=to)
    last = loop.time()
    while loop.time() - last < _SELF_TEST_PATIENCE:
        protocol.answered.clear()
        transport.sendto(Message("register_peer", id=SELF_TEST_ID).encode())
        await asyncio.sleep(_SELF_TEST_EVERY)
        if protocol.answered.is_set():
            last = loop.time()
    os._exit(1)


def _restart(without_store=None):
    if without_store and os.path.exists(without_store):
        os.remove(without_store)
    os.execv(sys.executable, [sys.executable, *sys.argv])


async def main():
    parser = serving.options("A rendezvous server for tests", 21116)
    parser.add_argument("--version", default="1.1.17", help="1.1.12 or 1.1.17, or one between them")
    parser.add_argument("--key", default="", help="the licence_key that a punch must have; none without it")
    parser.add_argument("--encrypt", default="", help="the file of the server's Ed25519 key: TCP is encrypted")
    parser.add_argument("--always-relay", action="store_true")
    parser.add_argument("--relay-servers", default="")
    parser.add_argument("--store", help="an SQLite file that survives, with the table that hbbs has")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, _restart)
    loop.add_signal_handler(signal.SIGUSR1, _restart, options.store)
    await Hbbs(options).start()
    self_test = asyncio.create_task(_test_self(options)) if options.self_test else None
    await serving.until_the_end(options.until_eof)
    if self_test:
        self_test.cancel()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
