#!/usr/bin/env python3
"""A client that sends what no client sends, and says how its connection ends ("closed", or "open" after a while).

  rdp_bytes.py ADDRESS SOURCE STAGE HEX [REPEAT]

STAGE: `first` (as its first bytes), `tls` (after the connection request, instead of TLS), `mcs` (inside TLS, instead of
what follows it).
"""
import socket
import ssl
import sys

PATIENCE = 40  # seconds
REQUEST = bytes.fromhex("030000130ee000000000000100080001000000")  # MS-RDPBCGR 2.2.1.1, for TLS


def main():
    address, source, stage = sys.argv[1:4]
    data = bytes.fromhex(sys.argv[4]) * int(sys.argv[5] if len(sys.argv) > 5 else 1)
    link = socket.create_connection((address, 3389), timeout=PATIENCE, source_address=(source, 0))
    try:
        if stage != "first":
            link.sendall(REQUEST)
            answer = link.recv(64)
            assert len(answer) == 19 and answer[11] == 2, answer.hex()
        if stage == "mcs":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            link = context.wrap_socket(link)
        link.sendall(data)
        while link.recv(65536):
            pass
        print("closed")
    except TimeoutError:
        print("open")
    except (ConnectionError, ssl.SSLError):
        print("closed")


main()
