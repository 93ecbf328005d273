#!/usr/bin/env python3
"""An RDP client that goes as far as it is told and then is silent, or only looks.

  rdp_handshake.py SOURCE TARGET PORT tls VERSION [AUTHORITY]   TLS of that version ("1.1", "1.2", ...): prints what was agreed
                                                     and the names in the certificate, which AUTHORITY vouches for
  rdp_handshake.py SOURCE TARGET PORT PHASE          silent from PHASE on: prints "closed" when the other side closes

PHASE: x224 (after the negotiation), half-tls (in the middle of TLS), mcs (after TLS), credssp (after TLS with NLA), and
client-info (after the channels are joined). MS-RDPBCGR 1.3.1.1 has the phases; 4.1 has such messages.
"""
import socket
import ssl
import struct
import sys

SSL, HYBRID = 1, 2


def tpkt(x224):
    return struct.pack(">BBH", 3, 0, 4 + len(x224)) + x224


def data(mcs):
    return tpkt(b"\x02\xf0\x80" + mcs)


def negotiate(raw, protocol):
    raw.sendall(tpkt(bytes.fromhex("0ee0000000000001000800") + struct.pack("<I", protocol)))
    answer = raw.recv(64)
    assert answer[11] == 2 and answer[15] == protocol, answer.hex()


def context_for(version=None, authority=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = authority is not None
    context.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
    if authority:
        context.load_verify_locations(authority)
    if version:
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        which = {"1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
                 "1.3": ssl.TLSVersion.TLSv1_3}[version]
        context.minimum_version = context.maximum_version = which
    return context


def ber(tag, body):
    return tag + b"\x82" + struct.pack(">H", len(body)) + body


def connect_initial():
    core = struct.pack("<IHHHHII", 0x00080004, 1024, 768, 0xCA01, 0xAA03, 0x409, 2600)
    core += "silent".encode("utf-16-le").ljust(32, b"\0") + struct.pack("<III", 4, 0, 12) + bytes(64)
    core += struct.pack("<HHIHHH", 0xCA01, 1, 0, 24, 7, 1) + bytes(64) + b"\0\0" + struct.pack("<I", SSL)
    blocks = struct.pack("<HH", 0xC001, 4 + len(core)) + core + struct.pack("<HHII", 0xC002, 12, 0, 0)
    inner = bytes.fromhex("000800100001c00044756361") + struct.pack(">H", 0x8000 | len(blocks)) + blocks
    conference = bytes.fromhex("000500147c0001") + struct.pack(">H", 0x8000 | len(inner)) + inner
    parameters = (
        bytes.fromhex("040101" "040101" "0101ff")
        + bytes.fromhex("3019" "020122" "020102" "020100" "020101" "020100" "020101" "0202ffff" "020102")
        + bytes.fromhex("3019" "020101" "020101" "020101" "020101" "020100" "020101" "02020420" "020102")
        + bytes.fromhex("301c" "0202ffff" "0202fc17" "0202ffff" "020101" "020100" "020101" "0202ffff" "020102"))
    return ber(b"\x7f\x65", parameters + ber(b"\x04", conference))


def join_channels(tls):
    tls.sendall(data(connect_initial()))
    assert tls.recv(8192)[7:9] == b"\x7f\x66"
    tls.sendall(data(bytes.fromhex("0401000100")))
    tls.sendall(data(b"\x28"))
    confirmed = tls.recv(64)
    assert confirmed[7] == 0x2E, confirmed.hex()
    user = confirmed[9:11]
    for channel in (struct.pack(">H", struct.unpack(">H", user)[0] + 1001), struct.pack(">H", 1003)):
        tls.sendall(data(b"\x38" + user + channel))
        assert tls.recv(64)[7] == 0x3E


def main():
    source, target, port, phase = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    raw = socket.create_connection((target, port), timeout=60, source_address=(source, 0))
    negotiate(raw, HYBRID if phase == "credssp" else SSL)
    end = raw
    if phase == "tls":
        tls = context_for(sys.argv[5], sys.argv[6] if len(sys.argv) > 6 else None).wrap_socket(
            raw, server_hostname=target)
        print(tls.version(), tls.getpeercert().get("subjectAltName") if len(sys.argv) > 6 else "")
        return
    if phase == "half-tls":
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        hello = context_for().wrap_bio(incoming, outgoing, server_hostname=target)
        try:
            hello.do_handshake()
        except ssl.SSLWantReadError:
            pass
        raw.sendall(outgoing.read()[:40])
    elif phase != "x224":
        end = context_for().wrap_socket(raw, server_hostname=target, suppress_ragged_eofs=True)
        if phase == "client-info":
            join_channels(end)
    try:
        while end.recv(4096):
            pass
    except (ConnectionError, ssl.SSLError):
        pass
    print("closed")


main()
