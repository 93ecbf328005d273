"""What hbbs 1.1.x knows of devices and how it judges registrations: the PeerMap, its SQLite file, and the limits.

A device is online for 30 s after its last accepted heartbeat. RegisterPeer only ever moves the address of a device that
is in memory, has a key, and comes from the same IP; everything else is answered with request_pk. RegisterPk is accepted
if nothing is known of the id, or its uuid is the known one and so is its IP or its key; else it is UUID_MISMATCH. The
limits are one run of 32 RegisterPk with gaps up to 60 s and 300 ids a day for an IP, three with gaps up to 6 s for an
id.
"""
import ipaddress
import json
import os
import sqlite3
import time

ONLINE_FOR = 30
_RUN_OF_IP, _GAP_OF_IP, _IDS_OF_IP, _DAY = 32, 60, 300, 86400
_RUN_OF_ID, _GAP_OF_ID = 3, 6
_SHORTEST_ID = 6

_TABLE = """create table if not exists peer (guid blob primary key not null, id varchar(100) not null,
  uuid blob not null, pk blob not null, created_at datetime not null default(current_timestamp), user blob,
  status tinyint, note varchar(300), info text not null) without rowid"""
_INDEX = "create unique index if not exists index_peer_id on peer (id)"


class Peer:
    def __init__(self, uuid=b"", pk=b"", ip=""):
        self.uuid, self.pk, self.ip = uuid, pk, ip
        self.address = None  # where its heartbeats come from
        self.seen = None
        self.run, self.last_run = 0, 0.0


class Peers:
    def __init__(self, path=None, clock_scale=1):
        self._scale = clock_scale
        self._in_memory = {}
        self._runs, self._ids = {}, {}  # by IP
        self._file = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._file.execute(_TABLE)
        self._file.execute(_INDEX)

    def now(self):
        return time.monotonic() * self._scale

    def in_memory(self, device):
        return self._in_memory.get(device)

    def find(self, device):
        """From memory, or from the file, where it is offline."""
        if device not in self._in_memory:
            row = self._file.execute("select uuid, pk, info from peer where id = ?", (device,)).fetchone()
            if row is None:
                return None
            self._in_memory[device] = Peer(row[0], row[1], _ip_of(row[2]))
        return self._in_memory[device]

    def is_online(self, device):
        peer = self._in_memory.get(device)
        return bool(peer and peer.seen is not None and self.now() - peer.seen < ONLINE_FOR)

    def heartbeat(self, device, address):
        """Answers a RegisterPeer: whether uuid and key are wanted."""
        peer = self._in_memory.get(device)
        if peer is None or not peer.pk or address[0] != (peer.address[0] if peer.address else peer.ip):
            return True
        peer.address, peer.seen = address, self.now()
        return False

    def register(self, device, uuid, pk, address):
        """Answers a RegisterPk: the name of a RegisterPkResponse.Result, or None for no answer at all."""
        if not uuid or not pk:
            return None
        if len(device) < _SHORTEST_ID:
            return "UUID_MISMATCH"
        if not self._ip_may(address[0], device):
            return "TOO_FREQUENT"
        peer = self.find(device) or self._in_memory.setdefault(device, Peer())
        if peer.uuid and (peer.uuid != uuid or peer.ip != address[0] and peer.pk != pk):
            return "UUID_MISMATCH"
        now = self.now()
        if now - peer.last_run > _GAP_OF_ID:
            peer.run = 0
        if peer.run >= _RUN_OF_ID:
            return "TOO_FREQUENT"
        peer.run, peer.last_run = peer.run + 1, now
        if (peer.uuid, peer.pk, peer.ip) != (uuid, pk, address[0]):
            self._update(device, peer, uuid, pk, address)
        return "OK"

    def _update(self, device, peer, uuid, pk, address):
        peer.uuid, peer.pk, peer.ip = uuid, pk, address[0]
        peer.address, peer.seen = address, self.now()
        info = json.dumps({"ip": f"::ffff:{peer.ip}" if ipaddress.ip_address(peer.ip).version == 4 else peer.ip})
        self._file.execute("insert into peer (guid, id, uuid, pk, info) values (?, ?, ?, ?, ?) on conflict (id) do "
                           "update set uuid = excluded.uuid, pk = excluded.pk, info = excluded.info",
                           (os.urandom(16), device, uuid, pk, info))

    def _ip_may(self, ip, device):
        now = self.now()
        count, last = self._runs.get(ip, (0, now))
        if now - last > _GAP_OF_IP:
            count = 0
        if count >= _RUN_OF_IP:
            return False
        begin, ids = self._ids.get(ip, (now, set()))
        if now - begin > _DAY:
            begin, ids = now, set()
        if device not in ids and len(ids) >= _IDS_OF_IP:
            return False
        ids.add(device)
        self._runs[ip], self._ids[ip] = (count + 1, now), (begin, ids)
        return True


def _ip_of(info):
    ip = json.loads(info).get("ip", "")
    return ip.removeprefix("::ffff:")
