"""RustDesk's RendezvousMessage, decoded as hbbs does it (proto3 by rust-protobuf) and encoded. Shares no code with the
gateway that it tests.

The members and fields are those of RustDesk's rendezvous.proto (package hbb). As hbbs decodes them: of several members
of the union the last one counts, alone; of a scalar that comes twice the last; a known number with another wire type is
an unknown field; groups are skipped, up to 100 within each other; varints may be longer than they need to be, tags and
lengths up to five bytes, values up to ten; a string that is no UTF-8 spoils the whole message. Unknown fields of a
member are kept and written again behind the others.
"""
import mangle

VARINT, FIXED64, BYTES, START_GROUP, END_GROUP, FIXED32 = range(6)
DEPTH_LIMIT = 100


class DecodeError(ValueError):
    """No message in these bytes; says why."""


# NUMBER NAME:TYPE; `?` marks the members of a union inside the message, `*` what is repeated. Messages that neither
# server looks into are bytes here.
_MEMBERS = {
    "register_peer": (6, "1 id:string, 2 serial:int32"),
    "register_peer_response": (7, "2 request_pk:bool"),
    "punch_hole_request": (8, "1 id:string, 2 nat_type:enum, 3 licence_key:string, 4 conn_type:enum, 5 token:string, "
                              "6 version:string, 7 udp_port:int32, 8 force_relay:bool, 9 upnp_port:int32, "
                              "10 socket_addr_v6:bytes, 11 switch_code:string"),
    "punch_hole": (9, "1 socket_addr:bytes, 2 relay_server:string, 3 nat_type:enum, 4 udp_port:int32, "
                      "5 force_relay:bool, 6 upnp_port:int32, 7 socket_addr_v6:bytes, 8 control_permissions:bytes, "
                      "9 controlled_context:bytes"),
    "punch_hole_sent": (10, "1 socket_addr:bytes, 2 id:string, 3 relay_server:string, 4 nat_type:enum, "
                            "5 version:string, 6 upnp_port:int32, 7 socket_addr_v6:bytes"),
    "punch_hole_response": (11, "1 socket_addr:bytes, 2 pk:bytes, 3 failure:enum, 4 relay_server:string, "
                                "5 nat_type?:enum, 6 is_local?:bool, 7 other_failure:string, 8 feedback:int32, "
                                "9 is_udp:bool, 10 upnp_port:int32, 11 socket_addr_v6:bytes"),
    "fetch_local_addr": (12, "1 socket_addr:bytes, 2 relay_server:string, 3 socket_addr_v6:bytes, "
                             "4 control_permissions:bytes, 5 controlled_context:bytes"),
    "local_addr": (13, "1 socket_addr:bytes, 2 local_addr:bytes, 3 relay_server:string, 4 id:string, "
                       "5 version:string, 6 socket_addr_v6:bytes"),
    "configure_update": (14, "1 serial:int32, 2 rendezvous_servers*:string"),
    "register_pk": (15, "1 id:string, 2 uuid:bytes, 3 pk:bytes, 4 old_id:string, 5 no_register_device:bool"),
    "register_pk_response": (16, "1 result:enum, 2 keep_alive:int32"),
    "software_update": (17, "1 url:string"),
    "request_relay": (18, "1 id:string, 2 uuid:string, 3 socket_addr:bytes, 4 relay_server:string, 5 secure:bool, "
                          "6 licence_key:string, 7 conn_type:enum, 8 token:string, 9 control_permissions:bytes, "
                          "10 controlled_context:bytes, 11 switch_code:string"),
    "relay_response": (19, "1 socket_addr:bytes, 2 uuid:string, 3 relay_server:string, 4 id?:string, 5 pk?:bytes, "
                           "6 refuse_reason:string, 7 version:string, 9 feedback:int32, 10 socket_addr_v6:bytes, "
                           "11 upnp_port:int32"),
    "test_nat_request": (20, "1 serial:int32"),
    "test_nat_response": (21, "1 port:int32, 2 cu:configure_update"),
    "peer_discovery": (22, "1 cmd:string, 2 mac:string, 3 id:string, 4 username:string, 5 hostname:string, "
                           "6 platform:string, 7 misc:string"),
    "online_request": (23, "1 id:string, 2 peers*:string"),
    "online_response": (24, "1 states:bytes"),
    "key_exchange": (25, "1 keys*:bytes"),
    "hc": (26, "1 token:string"),
    "http_proxy_request": (27, "1 method:enum, 2 path:string, 3 headers*:bytes, 4 body:bytes"),
    "http_proxy_response": (28, "1 status:int32, 2 headers*:bytes, 3 body:bytes, 4 error:string"),
}
_ADDRESSES = ("socket_addr", "local_addr", "socket_addr_v6")

# Enumerations, by name.
NAT = {"UNKNOWN_NAT": 0, "ASYMMETRIC": 1, "SYMMETRIC": 2}
PK_RESULT = {"OK": 0, "UUID_MISMATCH": 2, "ID_EXISTS": 3, "TOO_FREQUENT": 4, "INVALID_ID_FORMAT": 5, "NOT_SUPPORT": 6,
             "SERVER_ERROR": 7, "NOT_DEPLOYED": 8}
FAILURE = {"ID_NOT_EXIST": 0, "OFFLINE": 2, "LICENSE_MISMATCH": 3, "LICENSE_OVERUSE": 4}


def name_of(enumeration, number):
    """"OFFLINE" of (FAILURE, 2); numbers that nobody has named stay numbers."""
    return next((name for name, value in enumeration.items() if value == number), str(number))


class Field:
    def __init__(self, text):
        number, rest = text.split(" ")
        name, self.type = rest.split(":")
        self.number = int(number)
        self.repeated = name.endswith("*")
        self.in_union = name.endswith("?")
        self.name = name.rstrip("*?")
        self.wire = BYTES if self.type in ("string", "bytes", "configure_update") else VARINT

    def default(self):
        if self.repeated:
            return []
        return {"string": "", "bytes": b"", "bool": False, "configure_update": None}.get(self.type, 0)


def _fields(text):
    return {field.number: field for field in map(Field, text.split(", "))}


_SCHEMAS = {name: _fields(text) for name, (_, text) in _MEMBERS.items()}
MEMBER_NUMBERS = {name: number for name, (number, _) in _MEMBERS.items()}
_NAMES = {number: name for name, number in MEMBER_NUMBERS.items()}


class Message:
    """One member of the union: its name, the fields that were set, and the bytes of unknown fields."""

    def __init__(self, member, fields=None, unknown=b"", **more):
        self.member = member
        self.schema = {field.name: field for field in _SCHEMAS[member].values()}
        self.fields = {**(fields or {}), **more}
        self.unknown = unknown
        strangers = set(self.fields) - set(self.schema)
        if strangers:
            raise KeyError(f"{member} has no field {', '.join(sorted(strangers))}")

    def __getitem__(self, name):
        return self.fields[name] if name in self.fields else self.schema[name].default()

    def __eq__(self, other):
        return isinstance(other, Message) and self._parts() == other._parts()

    def _parts(self):
        return self.member, self.fields, self.unknown

    def __repr__(self):
        return f"{self.member}{self.fields}"

    def body(self):
        """The member without its tag: fields in the order of their numbers, the union inside it behind them (as
        rust-protobuf writes them), then what is unknown."""
        order = sorted(self.schema.values(), key=lambda field: (field.in_union, field.number))
        return b"".join(_written(field, self[field.name], field.name in self.fields) for field in order) + self.unknown

    def encode(self):
        return member_bytes(MEMBER_NUMBERS[self.member], self.body())

    def readable(self):
        """For a log: bytes as hexadecimal digits, addresses as text."""
        return {name: _readable(name, value) for name, value in self.fields.items()}


def _readable(name, value):
    if isinstance(value, Message):
        return value.readable()
    if isinstance(value, list):
        return [_readable("", one) for one in value]
    if not isinstance(value, bytes):
        return value
    return mangle.text(mangle.decode(value)) if name in _ADDRESSES and value else value.hex()


def varint(number, size=None):
    """The varint of a number; `size` asks for more bytes than it needs."""
    number &= (1 << 64) - 1
    parts = []
    while number or not parts or len(parts) < (size or 0):
        parts.append(number & 127)
        number >>= 7
    return bytes([part | 128 for part in parts[:-1]] + parts[-1:])


def tag(number, wire):
    return varint(number << 3 | wire)


def member_bytes(number, body):
    return tag(number, BYTES) + varint(len(body)) + body


def _written(field, value, is_set):
    if field.repeated:
        return b"".join(member_bytes(field.number, _as_bytes(one)) for one in value)
    if value == field.default() and not (field.in_union and is_set):
        return b""
    if field.wire == BYTES:
        return member_bytes(field.number, _as_bytes(value))
    return tag(field.number, VARINT) + varint(int(value))


def _as_bytes(value):
    if isinstance(value, Message):
        return value.body()
    return value.encode() if isinstance(value, str) else value


class _Input:
    def __init__(self, data):
        self.data, self.at = data, 0

    def left(self):
        return self.at < len(self.data)

    def varint(self, longest=10):
        number = 0
        for index in range(longest):
            if not self.left():
                raise DecodeError("cut off in a varint")
            byte = self.data[self.at]
            self.at += 1
            number |= (byte & 127) << 7 * index
            if byte < 128:
                if longest == 5 and number >> 32:
                    raise DecodeError("a tag or length of more than 32 bits")
                return number & (1 << 64) - 1
        raise DecodeError(f"a varint of more than {longest} bytes")

    def take(self, length):
        if self.at + length > len(self.data):
            raise DecodeError("cut off in a field")
        self.at += length
        return self.data[self.at - length : self.at]

    def tag(self):
        value = self.varint(5)
        if value >> 3 == 0:
            raise DecodeError("a field with the number 0")
        return value >> 3, value & 7

    def skip(self, number, wire, depth=0):
        if wire == VARINT:
            self.varint()
        elif wire in (FIXED64, FIXED32):
            self.take(8 if wire == FIXED64 else 4)
        elif wire == BYTES:
            self.take(self.varint(5))
        elif wire == START_GROUP:
            self._skip_group(number, depth + 1)
        else:
            raise DecodeError(f"wire type {wire}")

    def _skip_group(self, number, depth):
        if depth > DEPTH_LIMIT:
            raise DecodeError("groups too deep in each other")
        while True:
            inner, wire = self.tag()
            if wire == END_GROUP:
                if inner != number:
                    raise DecodeError("a group that ends as another one")
                return
            self.skip(inner, wire, depth)


def decode(data):
    """The Message in these bytes, or None if the union is empty. Raises DecodeError."""
    source, found = _Input(data), None
    while source.left():
        number, wire = source.tag()
        if number in _NAMES and wire == BYTES:
            found = _decode_member(_NAMES[number], source.take(source.varint(5)))
        else:
            source.skip(number, wire)
    return found


def _decode_member(member, data):
    schema, source = _SCHEMAS[member], _Input(data)
    fields, unknown = {}, b""
    while source.left():
        start = source.at
        number, wire = source.tag()
        field = schema.get(number)
        if field is None or field.wire != wire:
            source.skip(number, wire)
            unknown += data[start : source.at]
            continue
        value = _decode_value(field, source)
        if field.in_union:
            for other in schema.values():
                if other.in_union:
                    fields.pop(other.name, None)
        if field.repeated:
            fields.setdefault(field.name, []).append(value)
        else:
            fields[field.name] = value
    return Message(member, fields, unknown)


def _decode_value(field, source):
    if field.wire == BYTES:
        data = source.take(source.varint(5))
        if field.type == "configure_update":
            return _decode_member("configure_update", data)
        if field.type != "string":
            return data
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise DecodeError(f"{field.name} is no UTF-8") from None
    number = source.varint()
    if field.type == "bool":
        return number != 0
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number >> 31 else number


def online_bits(states):
    """OnlineResponse.states of these answers: the first peer is the highest bit of the first byte."""
    data = bytearray((len(states) + 7) // 8)
    for index, online in enumerate(states):
        data[index // 8] |= online << 7 - index % 8
    return bytes(data)


def online_states(data, count):
    return [bool(data[index // 8] >> 7 - index % 8 & 1) for index in range(count)]
