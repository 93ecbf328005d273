#!/usr/bin/env python3
"""Unit tests of wire.py, frames.py and mangle.py: encodings computed by hand from rendezvous.proto and BytesCodec."""
import unittest

import frames
import mangle
import wire
from wire import Message


class Frames(unittest.TestCase):
    def test_lengths_have_the_shortest_header_that_can_say_them(self):
        for length, expected in ((0, "00"), (1, "04"), (63, "fc"), (64, "0101"), (300, "b104"), (16383, "fdff"),
                                 (16384, "020001"), (4194303, "feffff"), (4194304, "03000001"),
                                 (2**30 - 1, "ffffffff")):
            self.assertEqual(frames.header(length).hex(), expected)

    def test_a_stream_is_read_byte_by_byte_whatever_the_headers_are(self):
        reader, found = frames.FrameReader(), []
        for byte in frames.frame(b"hello", 4) + frames.frame(b"") + frames.frame(b"x" * 300):
            reader.feed(bytes([byte]))
            while (payload := reader.next()) is not None:
                found.append(payload)
        self.assertEqual(found, [b"hello", b"", b"x" * 300])

    def test_a_frame_that_is_not_whole_is_waited_for(self):
        reader = frames.FrameReader()
        reader.feed(frames.header(2**30 - 1) + b"x" * 1000)
        self.assertIsNone(reader.next())


class Addresses(unittest.TestCase):
    def test_known_addresses(self):
        for host, port, clock, expected in (("192.168.16.32", 21116, 0, "7c520000000080512140"),
                                            ("192.168.16.32", 21116, 0x12345678, "f4a8f0ac682470fe8964"),
                                            ("203.0.113.5", 65535, 0xFFFFFFFF, "feffffffffff9501e20a02"),
                                            ("10.0.0.1", 1, 1, "02000200000016000002")):
            self.assertEqual(mangle.encode(host, port, clock).hex(), expected)
            self.assertEqual(mangle.decode(bytes.fromhex(expected)), (host, port))

    def test_every_corner_comes_back(self):
        for clock in (0, 1, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFF0000, 0xFFFFFFFF):
            for address in (("255.255.255.255", 65535), ("192.0.2.1", 0), ("1.0.0.0", 1), ("0.0.0.0", 65535)):
                self.assertEqual(mangle.decode(mangle.encode(*address, clock)), address)

    def test_ipv6_has_its_port_the_other_way_round(self):
        data = mangle.encode("2001:db8::1", 0x1234)
        self.assertEqual(data[16:].hex(), "3412")
        self.assertEqual(mangle.decode(data), ("2001:db8::1", 0x1234))

    def test_ipv4_in_ipv6_is_ipv4(self):
        for host in ("::ffff:192.0.2.1", "::192.0.2.1"):
            self.assertEqual(mangle.decode(mangle.encode(host, 7)), ("192.0.2.1", 7))
        self.assertEqual(mangle.decode(mangle.encode("::1", 7)), ("::1", 7))

    def test_junk_is_nowhere(self):
        self.assertEqual(mangle.decode(b""), ("0.0.0.0", 0))
        for length in (17, 19, 40):
            self.assertEqual(mangle.decode(b"\xff" * length), ("0.0.0.0", 0))


class Messages(unittest.TestCase):
    def test_known_encodings(self):
        for message, expected in (
                (Message("register_peer", id="123456789"), "320b0a09313233343536373839"),
                (Message("register_peer_response", request_pk=True), "3a021001"),
                (Message("punch_hole_response", failure=2), "5a021802"),
                (Message("punch_hole_response", failure=0), "5a00"),
                (Message("punch_hole_response", other_failure="no"), "5a043a026e6f"),
                (Message("relay_response", refuse_reason="no"), "9a010432026e6f")):
            self.assertEqual(message.encode().hex(), expected)
        self.assertEqual(frames.frame(bytes.fromhex("5a021802")).hex(), "105a021802")
        self.assertEqual(frames.frame(bytes.fromhex("5a00")).hex(), "085a00")

    def test_every_member_comes_back(self):
        for member, (number, _) in wire._MEMBERS.items():
            fields = {}
            for field in wire._SCHEMAS[member].values():
                value = {"string": "x", "bytes": b"x", "bool": True, "enum": 1, "int32": 7}.get(field.type)
                if value is not None and field.name not in ("is_local", "pk"):  # of a union inside, only one
                    fields[field.name] = [value, value] if field.repeated else value
            message = Message(member, fields)
            self.assertEqual(wire.decode(message.encode()), message)
            self.assertEqual(wire.decode(message.encode()).body(), message.body())
            self.assertTrue(message.encode().startswith(wire.tag(number, wire.BYTES)))

    def test_a_nested_update(self):
        update = Message("configure_update", serial=3, rendezvous_servers=["a", "b"])
        message = wire.decode(Message("test_nat_response", port=5, cu=update).encode())
        self.assertEqual(message["cu"], update)

    def test_unknown_fields_stay_as_they_are(self):
        extra = wire.member_bytes(90, b"new") + wire.tag(91, wire.VARINT) + b"\x05"
        data = wire.member_bytes(18, Message("request_relay", id="1").body() + extra)
        self.assertEqual(wire.decode(data).unknown, extra)
        self.assertEqual(wire.decode(data).encode(), data)

    def test_negative_numbers(self):
        self.assertEqual(wire.decode(Message("register_peer", id="1", serial=-1).encode())["serial"], -1)


class AsHbbsDecodes(unittest.TestCase):
    ONE, TWO = Message("register_peer", id="1"), Message("register_peer", serial=2)

    def refuses(self, data):
        self.assertRaises(wire.DecodeError, wire.decode, data)

    def test_the_last_member_counts_alone(self):
        self.assertEqual(wire.decode(self.ONE.encode() + self.TWO.encode()).fields, {"serial": 2})

    def test_the_last_scalar_counts(self):
        data = wire.member_bytes(6, wire.member_bytes(1, b"1") + wire.member_bytes(1, b"2"))
        self.assertEqual(wire.decode(data)["id"], "2")

    def test_another_wire_type_is_an_unknown_field(self):
        message = wire.decode(wire.member_bytes(6, wire.tag(1, wire.VARINT) + b"\x07"))
        self.assertEqual(message["id"], "")
        self.assertIsNone(wire.decode(wire.tag(6, wire.VARINT) + b"\x07"))

    def test_long_varints(self):
        self.assertEqual(wire.decode(wire.varint(0x32, 5) + wire.varint(3, 5) + wire.member_bytes(1, b"1"))["id"], "1")
        self.refuses(wire.varint(0x32, 6) + b"\0")
        self.assertEqual(wire.decode(wire.member_bytes(6, b"\x10" + wire.varint(5, 10)))["serial"], 5)
        self.refuses(wire.member_bytes(6, b"\x10" + wire.varint(5, 11)))

    def test_groups_are_skipped_up_to_a_depth(self):
        for depth, fits in ((1, True), (100, True), (101, False)):
            data = wire.tag(50, wire.START_GROUP) * depth + wire.tag(50, wire.END_GROUP) * depth + self.ONE.encode()
            self.assertEqual(wire.decode(data), self.ONE) if fits else self.refuses(data)
        self.refuses(wire.tag(50, wire.END_GROUP))

    def test_what_spoils_a_message(self):
        self.refuses(wire.member_bytes(6, wire.member_bytes(1, b"\xff")))
        self.refuses(self.ONE.encode()[:-1])
        self.refuses(b"\x02\x00")  # the number 0

    def test_bits_of_who_is_online(self):
        states = [True, False, True] + [False] * 5 + [True]
        self.assertEqual(wire.online_bits(states).hex(), "a080")
        self.assertEqual(wire.online_states(bytes.fromhex("a080"), 9), states)


if __name__ == "__main__":
    unittest.main()
