"""Messages that no stock client sends, for decoders that could differ from hbbs's own.

payloads(kind, request, innocent) spoils a good message; `innocent` is one that may pass, where a trick hides the other
behind it. As hbbs 1.1.x decodes (see wire.py), `duplicate_union`, `duplicate_field`, `long_varint`, `unknown_fields`
and `groups` are the good request; `deep_groups`, `bad_utf8`, `cut_off` and `junk` are no message; `wrong_wire_type` has
no id; `empty` says nothing. Besides, `good` is the request itself; over TCP come `byte_by_byte`, `long_header`,
`longest_frame`, `half_a_frame` and `two_frames` (the innocent one first), over WebSocket `fragmented`, `text`, `ping`
and `unmasked`.
"""
import asyncio

import wire
from client_base import receive_message
from frames import LONGEST, frame, header
from links import CLOSE, PING, TEXT, open_tcp, open_ws, ws_frame
from wire import FAILURE, PK_RESULT, Message, name_of


def _spoil_body(kind, request):
    body = request.body()
    number = wire.MEMBER_NUMBERS[request.member]
    if kind == "duplicate_field":
        return wire.member_bytes(number, wire.member_bytes(1, b"999999999") + body)
    if kind == "wrong_wire_type":
        return wire.member_bytes(number, wire.tag(1, wire.VARINT) + wire.varint(int(request["id"])))
    if kind == "bad_utf8":
        return wire.member_bytes(number, body + wire.member_bytes(1, b"\xff\xfe"))
    if kind == "long_varint":
        return wire.varint(number << 3 | wire.BYTES, 5) + wire.varint(len(body), 5) + body
    if kind == "unknown_fields":
        return wire.member_bytes(number, body + wire.member_bytes(200, b"newer than we are"))
    raise ValueError(f"nothing is called {kind}")


def _groups(depth):
    return wire.tag(100, wire.START_GROUP) * depth + wire.tag(100, wire.END_GROUP) * depth


def payload(kind, request, innocent):
    """The message, spoiled: one datagram, one frame or one WebSocket message."""
    good = request.encode()
    simple = {"good": good, "duplicate_union": innocent.encode() + good, "groups": _groups(50) + good,
              "deep_groups": _groups(101) + good, "cut_off": good[:-1], "junk": b"\xff" * 40, "empty": b""}
    return simple[kind] if kind in simple else _spoil_body(kind, request)


async def send_tcp(kind, server, request, innocent, patience):
    link = await open_tcp(server.at())
    good = request.encode()
    streams = {"long_header": frame(good, 4), "longest_frame": header(LONGEST) + good, "half_a_frame": frame(good)[:-1],
               "two_frames": frame(innocent.encode()) + frame(good)}
    if kind == "byte_by_byte":
        for byte in frame(good):
            await link.send_raw(bytes([byte]))
            await asyncio.sleep(0.005)
    else:
        await link.send_raw(streams[kind] if kind in streams else frame(payload(kind, request, innocent)))
    return await _answers(link, patience)


async def send_ws(kind, server, request, innocent, patience, headers=()):
    link = await open_ws(server.at(2), "/ws/id", headers)
    good = request.encode()
    if kind == "fragmented":
        third = len(good) // 3 or 1
        await link.send(good[:third], final=False)
        await link.send(b"between", PING)  # RFC 6455 section 5.4: control frames may come between fragments
        await link.send(good[third : 2 * third], 0, final=False)
        await link.send(good[2 * third :], 0)
    elif kind == "text":
        await link.send(good, TEXT)
    elif kind == "ping":
        await link.send(b"are you there", PING)
        await link.send(good)
    elif kind == "unmasked":
        await link.send_raw(ws_frame(good, masked=False))
    else:
        await link.send(payload(kind, request, innocent))
    return await _answers(link, patience)


async def send_udp(kind, server, request, innocent, patience):
    """From a socket of its own; hbbs answers a datagram or it does not."""
    loop, answers = asyncio.get_running_loop(), []

    class Receiver(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            answers.append(text_of(wire.decode(data)))

    transport, _ = await loop.create_datagram_endpoint(Receiver, remote_addr=server.at())
    transport.sendto(payload(kind, request, innocent))
    await asyncio.sleep(patience)
    transport.close()
    return {"answers": answers, "end": "open"}


async def _answers(link, patience):
    """What comes until the connection ends, or until nothing comes for that long."""
    answers = []
    while True:
        message = await receive_message(link, patience)
        if not isinstance(message, Message):
            break
        answers.append(text_of(message))
    if link.kind == "ws" and message is None:
        await link.send(b"", CLOSE)
    link.close()
    return {"answers": answers, "end": "closed" if message == "closed" else "open"}


def text_of(message):
    """"punch_hole_response OFFLINE" and the like: what tells one answer from another."""
    if message.member == "punch_hole_response" and not message["socket_addr"]:
        return f"{message.member} {message['other_failure'] or name_of(FAILURE, message['failure'])}"
    if message.member == "register_pk_response":
        return f"{message.member} {name_of(PK_RESULT, message['result'])}"
    if message.member == "register_peer_response":
        return f"{message.member} {'request_pk' if message['request_pk'] else 'ok'}"
    if message.member == "relay_response" and message["refuse_reason"]:
        return f"{message.member} {message['refuse_reason']}"
    return message.member
