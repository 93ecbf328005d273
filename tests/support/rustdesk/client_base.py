"""What both sides of a RustDesk client share: where its servers are, who it is, and connections to both servers."""
import asyncio
import dataclasses
import hashlib

import secure_tcp
import wire
from links import ENDS, open_tcp, open_ws
from wire import Message

VERSION = "1.4.2"


def uuid_of(device):
    """The uuid of the machine whose first id this is: always the same, so that another id can have it too."""
    return hashlib.sha256(f"uuid of {device}".encode()).hexdigest()[:32].encode()


def key_of(device):
    return hashlib.sha256(f"key of {device}".encode()).digest()


@dataclasses.dataclass
class Server:
    """A client's settings: addresses as seen from where it is."""

    host: str
    relay_host: str = ""
    port: int = 21116
    relay_port: int = 21117
    licence_key: str = ""
    clock_scale: float = 1

    def at(self, offset=0):
        return self.host, self.port + offset

    def relay_at(self, relay_server, is_ws):
        """Where a relay is that a message names; without a name the configured one."""
        host, port = relay_server or self.relay_host or self.host, self.relay_port
        if host.startswith("["):
            host, _, rest = host[1:].partition("]")
            port = int(rest.lstrip(":") or port)
        elif host.count(":") == 1:
            host, text = host.split(":")
            port = int(text)
        return host, port + (2 if is_ws else 0)

    def seconds(self, seconds):
        return seconds / self.clock_scale




async def open_relay(server, relay_server, uuid, target="", transport="tcp", token="", licence_key=None):
    """A connection to hbbr that has said what it wants: the controlling side names the target, the other one does
    not."""
    at = server.relay_at(relay_server, transport == "ws")
    link = await (open_ws(at, "/ws/relay") if transport == "ws" else open_tcp(at))
    request = Message("request_relay", id=target, uuid=uuid, token=token,
                      licence_key=server.licence_key if licence_key is None else licence_key)
    await link.send(request.encode())
    return link


async def echo(link):
    """The controlled side of a session: everything comes back. Returns at its end."""
    try:
        while (data := await link.receive()) is not None:
            await link.send(data)
    except ENDS:
        pass
    link.close()


async def receive_message(link, patience):
    """The next message: a Message, "closed", or None when nothing came. What is no message has closed it, for us."""
    try:
        data = await asyncio.wait_for(link.receive(), patience)
    except TimeoutError:
        return None
    if data is None:
        return "closed"
    try:
        return wire.decode(data) or "closed"
    except wire.DecodeError:
        return "closed"


async def secure(link, public_key, patience):
    """Waits for the server's KeyExchange and answers it. As stock clients do it, another message that comes first means
    plaintext; that message is returned. Raises SecureError when nothing comes in time, or a wrong signature."""
    message = await receive_message(link, patience)
    if message is None or message == "closed":
        raise secure_tcp.SecureError("deadline has elapsed" if message is None else "closed")
    if message.member != "key_exchange":
        return message
    keys, cipher = secure_tcp.accept_offer(message["keys"], public_key)
    await link.send(Message("key_exchange", keys=keys).encode())
    link.cipher = cipher
    return None
