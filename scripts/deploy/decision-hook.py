#!/usr/bin/env python3
"""An example of a decision hook for Gatehouse (docs/operating.md, "A decision hook").

Who is at which address stands in a file that somebody else keeps (a VPN's address pool, a login page), a line each:

    192.0.2.7  bob                          until it is taken out
    192.0.2.8  eve  2026-12-01T18:00:00Z    until then

An address that is in the file is let in as that user, as far as the policy grants; any other is refused. The file is
read for each question, so a change of it counts at once for new connections.

    decision-hook.py --socket /run/identity/gatehouse.sock --file /run/identity/users
"""
import argparse
import grp
import json
import os
import socketserver
import stat
import sys


def find(file, address):
    """(user, until or None) of an address, or None."""
    with open(file, encoding="utf-8") as lines:
        for line in lines:
            fields = line.split("#")[0].split()
            if len(fields) in (2, 3) and fields[0] == address:
                return fields[1], fields[2] if len(fields) == 3 else None
    return None


class Question(socketserver.StreamRequestHandler):
    timeout = 5  # seconds for the line to arrive

    def handle(self):
        asked = json.loads(self.rfile.readline(4096))
        found = find(self.server.file, asked["source"])
        if found is None:
            answer = {"allow": False, "detail": "nobody is logged in at this address"}
        else:
            answer = {"allow": True, "user": found[0]}
            if found[1]:
                answer["until"] = found[1]
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--socket", required=True, help="where to listen; given away to --group")
    parser.add_argument("--file", required=True, help="who is at which address")
    parser.add_argument("--group", help="the group of the daemon, which may then ask (default: only this user and root)")
    options = parser.parse_args()
    try:
        if os.path.exists(options.socket):
            if not stat.S_ISSOCK(os.stat(options.socket).st_mode):
                sys.exit(f"decision-hook: {options.socket} is there and is no socket: give another --socket")
            os.unlink(options.socket)
        os.umask(0o117)  # 0660
        server = Server(options.socket, Question)
        if options.group:
            os.chown(options.socket, -1, grp.getgrnam(options.group).gr_gid)
    except (OSError, KeyError) as fault:
        sys.exit(f"decision-hook: {options.socket}: {fault}")
    server.file = options.file
    print("decision-hook: ready", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
