"""The controlling side of a stock RustDesk client: asks hbbs for a way to a target and takes it.

As clients do it (RustDesk rendezvous.proto; client 1.2 to 1.4): a PunchHoleRequest on a new connection, the same frame
again after 3 and 6 s, given up 9 s later; from 1.4.1 on perhaps on a second connection at the same time. An address in
the answer is dialled from the port that asked; if that fails, a RequestRelay with a uuid of its own goes to hbbs, on a
new connection, and then to hbbr. A RelayResponse sends it to hbbr with the target's uuid. A KeyExchange that nobody
asked for is passed over.
"""
import asyncio
import dataclasses
import time
import uuid as uuids

import mangle
import secure_tcp
import wire
from client_base import VERSION, open_relay, receive_message, secure
from links import ENDS, open_tcp, open_ws
from wire import FAILURE, NAT, Message, name_of

_PUNCH_WAITS = (3, 6, 9)
_RELAY_WAIT = 18
_KEY_WAIT = 18
_DIAL_WAIT = 3


@dataclasses.dataclass
class Outcome:
    """How an attempt ended. kind: direct, local, relay (with a link); refused (with a reason: the name of a failure, or
    the text that the user would see); closed, unanswered."""

    kind: str
    reason: str = ""
    link: object = None
    uuid: str = ""
    seconds: float = 0
    secured: bool = False

    def report(self):
        return {"kind": self.kind, "reason": self.reason, "uuid": self.uuid, "seconds": round(self.seconds, 3),
                "secured": self.secured}


class Controller:
    """`public_key` makes it wait for the server's KeyExchange, as clients do that are logged in."""

    def __init__(self, server, own_id="", transport="tcp", token="", headers=(), public_key=None, licence_key=None):
        self._server, self._own_id, self._transport = server, own_id, transport
        self._token, self._headers, self._public_key = token, headers, public_key
        self._licence_key = server.licence_key if licence_key is None else licence_key
        self._secured = False

    async def test_nat(self):
        """One local port, and as which ports hbbs sees it on its two TCP ports."""
        source, seen = ("::" if ":" in self._server.host else "0.0.0.0", 0), []
        for offset in (0, -1):
            link = await open_tcp(self._server.at(offset), source)
            source = link.local
            await link.send(Message("test_nat_request").encode())
            answer = await self._answer(link, 3)
            link.close()
            if not isinstance(answer, Message):
                raise ConnectionError(f"the NAT test: {answer or 'no answer'}")
            seen.append(answer["port"])
        return [source[1], *seen]

    async def online(self, peers):
        link = await open_tcp(self._server.at(-1))
        await link.send(Message("online_request", id=self._own_id, peers=peers).encode())
        answer = await receive_message(link, 3)
        link.close()
        if answer is None or answer == "closed":
            raise ConnectionError(f"who is online: {answer or 'no answer'}")
        return wire.online_states(answer["states"], len(peers))

    async def punch(self, target, nat_type="ASYMMETRIC", parallel=False, direct=True, **more):
        begin = time.monotonic()
        request = Message("punch_hole_request", id=target, nat_type=NAT[nat_type], licence_key=self._licence_key,
                          token=self._token, version=VERSION, **more)
        tasks = [asyncio.create_task(self._punch(request, direct)) for _ in range(2 if parallel else 1)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            outcome, *others = (task.result() for task in done)
        finally:
            for task in tasks:
                task.cancel()
        for other in others:
            if other.link:
                other.link.close()
        outcome.seconds = time.monotonic() - begin
        return outcome

    async def relay(self, target, uuid=None, **more):
        """Asks for a relay without a punch."""
        begin = time.monotonic()
        outcome = await self._relay(target, "", uuid, **more)
        outcome.seconds = time.monotonic() - begin
        return outcome

    async def relay_alone(self, target, uuid):
        """Goes to hbbr without having asked hbbs; an empty target makes it the controlled side."""
        link = await open_relay(self._server, "", uuid, target, self._transport, self._token, self._licence_key)
        return Outcome("relay", link=link, uuid=uuid)

    async def _punch(self, request, direct):
        link = None
        try:
            link = await self._open()
            answer = await self._ask(link, request, _PUNCH_WAITS)
            return await self._judge(request["id"], answer, link, direct)
        except secure_tcp.SecureError as error:
            return Outcome("refused", f"cannot secure: {error}")
        except ENDS as error:
            return Outcome("closed", str(error))
        finally:
            if link:
                link.close()

    async def _open(self):
        if self._transport == "ws":
            return await open_ws(self._server.at(2), "/ws/id", self._headers)
        link = await open_tcp(self._server.at(), ("::" if ":" in self._server.host else "0.0.0.0", 0))
        if self._public_key:
            try:
                await secure(link, self._public_key, self._server.seconds(_KEY_WAIT))
            except BaseException:
                link.close()
                raise
            self._secured = link.cipher is not None
        return link

    async def _ask(self, link, request, waits):
        for wait in waits:
            await link.send(request.encode())
            answer = await self._answer(link, self._server.seconds(wait))
            if answer is not None:
                return answer
        return None

    async def _answer(self, link, patience):
        answer = await receive_message(link, patience)
        if isinstance(answer, Message) and answer.member == "key_exchange":
            answer = await receive_message(link, patience)
        return answer

    async def _judge(self, target, answer, link, direct):
        if answer is None or answer == "closed":
            return Outcome("closed" if answer else "unanswered", secured=self._secured)
        if answer.member == "relay_response":
            return await self._to_relay(target, answer, answer["uuid"])
        if answer.member != "punch_hole_response":
            return Outcome("closed", f"{answer.member} is no answer")
        if not answer["socket_addr"]:
            return Outcome("refused", answer["other_failure"] or name_of(FAILURE, answer["failure"]),
                           secured=self._secured)
        if direct and self._transport == "tcp":
            try:
                session = await open_tcp(mangle.decode(answer["socket_addr"]), link.local, _DIAL_WAIT)
                return Outcome("local" if answer["is_local"] else "direct", link=session, secured=self._secured)
            except ENDS:
                pass
        return await self._relay(target, answer["relay_server"])

    async def _relay(self, target, relay_server, uuid=None, **more):
        uuid = uuid or str(uuids.uuid4())
        request = Message("request_relay", id=target, uuid=uuid, relay_server=relay_server, secure=True,
                          licence_key=self._licence_key, token=self._token, **more)
        link = None
        try:
            link = await self._open()
            answer = await self._ask(link, request, (_RELAY_WAIT,))
            if answer is None or answer == "closed":
                return Outcome("closed" if answer else "unanswered", secured=self._secured)
            return await self._to_relay(target, answer, uuid, relay_server)
        except secure_tcp.SecureError as error:
            return Outcome("refused", f"cannot secure: {error}")
        except ENDS as error:
            return Outcome("closed", str(error))
        finally:
            if link:
                link.close()

    async def _to_relay(self, target, answer, uuid, relay_server=""):
        if answer["refuse_reason"]:
            return Outcome("refused", answer["refuse_reason"], secured=self._secured)
        session = await open_relay(self._server, answer["relay_server"] or relay_server, uuid, target, self._transport,
                                   self._token, self._licence_key)
        return Outcome("relay", link=session, uuid=uuid, secured=self._secured)
