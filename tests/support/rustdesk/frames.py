"""The framing of RustDesk's TCP streams (hbb_common, BytesCodec): a little-endian header of one to four bytes, whose
two lowest bits say how many follow and whose others are the length. Like the servers' own decoder, this one takes
headers that are longer than they need to be, and any length.
"""
LONGEST = (1 << 30) - 1


def header(length, size=None):
    """The header for a payload of this length; `size` asks for more bytes than it needs."""
    if not 0 <= length <= LONGEST:
        raise ValueError(f"no frame has {length} bytes")
    needed = next(n for n in (1, 2, 3, 4) if length < 1 << 8 * n - 2)
    size = size or needed
    if size < needed:
        raise ValueError(f"a header of {size} bytes cannot say {length}")
    return (length << 2 | size - 1).to_bytes(size, "little")


def frame(payload, size=None):
    return header(len(payload), size) + payload


class FrameReader:
    """Takes pieces of a stream, gives whole payloads."""

    def __init__(self):
        self._buffer = bytearray()

    def feed(self, data):
        self._buffer += data

    def next(self):
        """The next payload, or None as long as it is not whole."""
        if not self._buffer:
            return None
        size = (self._buffer[0] & 3) + 1
        if len(self._buffer) < size:
            return None
        length = int.from_bytes(self._buffer[:size], "little") >> 2
        if len(self._buffer) < size + length:
            return None
        payload = bytes(self._buffer[size : size + length])
        del self._buffer[: size + length]
        return payload

    def rest(self):
        """What was read and belongs to no whole frame; the reader is empty afterwards."""
        data = bytes(self._buffer)
        self._buffer.clear()
        return data
