"""How RustDesk writes an address into `socket_addr`, `local_addr` and `socket_addr_v6` (hbb_common, AddrMangle).

IPv4: a number of 128 bits made of address, port and a time of 32 bits, little-endian, trailing zero bytes cut off.
IPv6: 16 bytes in network order and the port in two, little-endian. Addresses are pairs (text, port).
"""
import ipaddress
import time

NOWHERE = ("0.0.0.0", 0)
LOW_32 = 0xFFFFFFFF


def plain(host):
    """The one spelling of an address: without a scope, IPv4 as IPv4 even where a socket says ::ffff:192.0.2.1."""
    address = ipaddress.ip_address(host.split("%")[0])
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)


def encode(host, port, clock=None):
    """The bytes for an address; `clock` stands for the microseconds that make the same address look different."""
    address = ipaddress.ip_address(plain(host))
    if address.version == 6 and int(address) >> 32 == 0 and int(address) != 1:  # v4-compatible, but not ::1
        address = ipaddress.IPv4Address(int(address))
    if address.version == 6:
        return address.packed + port.to_bytes(2, "little")
    clock = (int(time.time() * 1e6) if clock is None else clock) & LOW_32
    number = int.from_bytes(address.packed, "little") + clock << 49 | clock << 17 | port + (clock & 0xFFFF)
    return (number & (1 << 128) - 1).to_bytes(16, "little").rstrip(b"\0")


def decode(data):
    """The address in these bytes. Nothing is an error: what is too long to be one is an address of nowhere."""
    if len(data) > 16:
        if len(data) != 18:
            return NOWHERE
        return str(ipaddress.IPv6Address(data[:16])), int.from_bytes(data[16:], "little")
    number = int.from_bytes(data, "little")
    clock = number >> 17 & LOW_32
    address = (number >> 49) - clock & LOW_32
    port = (number & 0xFFFFFF) - (clock & 0xFFFF) & 0xFFFF
    return str(ipaddress.IPv4Address(address.to_bytes(4, "little"))), port


def text(address):
    """"192.0.2.1:21116" and "[2001:db8::1]:21116"."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
