"""Steps of a scenario that expect something; scenario.py explains them."""
import asyncio
import time

import mangle
from places import PATIENCE
from steps import SECONDS, ScenarioFailure, id_range, limit, step

_CONNECTED = {"directly": "direct", "locally": "local", "by relay": "relay"}
_LOOK_EVERY = 0.05


class Expectations:
    """Mixed into Scenario, beside Steps."""

    # Devices

    @step(r"expect (\d+) online(?: within " + SECONDS + ")?")
    async def expect_online(self, device, seconds):
        await self._expect_of_device(device, "online", seconds)

    @step(r"expect (\d+) answered (\w+)(?: within " + SECONDS + ")?")
    async def expect_answered(self, device, answer, seconds):
        await self._expect_of_device(device, answer, seconds, self.seen_answers.get(device, 0))

    @step(r"expect devices (\d+) to (\d+) (online|answered \w+)(?: within " + SECONDS + ")?")
    async def expect_all(self, first, last, what, seconds):
        for device in id_range(first, last):
            since = 0 if what == "online" else self.seen_answers.get(device, 0)
            try:
                await self._expect_of_device(device, what.removeprefix("answered "), seconds, since)
            except ScenarioFailure as failure:
                raise ScenarioFailure(f"{device}: {failure.args[0]}") from failure

    async def _expect_of_device(self, device, what, seconds, since=0):
        place = self.place_of(device)
        found, state = await place.ask("wait_device", device=device, what=what, patience=limit(seconds), since=since)
        if not found:
            raise ScenarioFailure(f"answers were {_texts(state['answers'][since:])}, of {state['sent']} datagrams sent")
        texts = [text for _, text in state["answers"]]
        if what in texts[since:]:
            self.seen_answers[device] = texts.index(what, since) + 1

    @step(r"expect (\d+) unanswered for " + SECONDS)
    async def expect_unanswered(self, device, seconds):
        before = len((await self.state(device))["answers"])
        await asyncio.sleep(float(seconds))
        answers = (await self.state(device))["answers"][before:]
        if answers:
            raise ScenarioFailure(f"answers were {_texts(answers)}")

    @step(r"expect (\d+) (keeps its id|draws another id)")
    async def expect_id(self, device, what):
        ids = (await self.state(device))["ids"]
        if (len(ids) > 1) != (what == "draws another id"):
            raise ScenarioFailure(f"its ids were {', '.join(ids)}")

    # Sessions

    def _outcome(self, name):
        if name not in self.outcomes:
            raise ScenarioFailure("it has tried nothing yet")
        return self.outcomes[name]

    @step(r"expect (\d+|nobody) refused(?: (.+))?")
    async def expect_refused(self, name, reason):
        outcome = self._outcome(name)
        reason = reason or '""'
        wanted = reason.strip('"')
        fits = outcome["reason"] == reason if wanted == reason else wanted in outcome["reason"]
        if outcome["kind"] != "refused" or not fits:
            raise ScenarioFailure(f"it was {_text(outcome)}")

    @step(r"expect (\d+|nobody) connected(?: (directly|locally|by relay))?")
    async def expect_connected(self, name, how):
        outcome = self._outcome(name)
        wanted = [_CONNECTED[how]] if how else _CONNECTED.values()
        if outcome["kind"] not in wanted:
            raise ScenarioFailure(f"it was {_text(outcome)}")

    @step(r"expect (\d+|nobody) not connected")
    async def expect_not_connected(self, name):
        if self._outcome(name)["kind"] in _CONNECTED.values():
            raise ScenarioFailure(f"it was {_text(self._outcome(name))}")

    @step(r"expect (\d+|nobody) (encrypted|in plaintext)")
    async def expect_encrypted(self, name, how):
        if self._outcome(name)["secured"] != (how == "encrypted"):
            raise ScenarioFailure(f"it was {_text(self._outcome(name))}")

    @step(r"expect (\d+|nobody) (closed|unanswered)")
    async def expect_ended(self, name, kind):
        outcome = self._outcome(name)
        if outcome["kind"] != kind:
            raise ScenarioFailure(f"it was {_text(outcome)}")

    def _session(self):
        if self.last_session is None:
            raise ScenarioFailure("there has been no session")
        return self.last_session

    @step(r"expect bytes both ways")
    async def expect_bytes(self):
        place, name, _ = self._session()
        for data in ("a few bytes", "more of them " * 5000):
            if not await place.ask("exchange", name=name, data=data, patience=limit(None)):
                raise ScenarioFailure(f"{len(data)} bytes did not come back")

    @step(r"expect (?:relay|session) closed within " + SECONDS)
    async def expect_closed(self, seconds):
        place, name, target = self._session()
        end = time.monotonic() + limit(seconds)
        if not await place.ask("wait_closed", name=name, patience=limit(seconds)):
            raise ScenarioFailure("it is still open at the initiator")
        if target in self.where:
            found, state = await self.where[target].ask("wait_device", device=target, what="no sessions",
                                                        patience=max(0.1, end - time.monotonic()))
            if not found:
                raise ScenarioFailure(f"{target} still has {state['sessions']} sessions open")

    @step(r"expect (?:relay|session) open for " + SECONDS)
    async def expect_open(self, seconds):
        place, name, _ = self._session()
        if await place.ask("wait_closed", name=name, patience=float(seconds)):
            raise ScenarioFailure("it was closed")

    # Questions

    @step(r"expect online (nobody|[\d,]+)")
    async def expect_online_peers(self, peers):
        wanted = [] if peers == "nobody" else peers.split(",")
        if self.last_online != wanted:
            raise ScenarioFailure(f"online were {', '.join(self.last_online or []) or 'none'}")

    @step(r"expect answers (.+)")
    async def expect_answers(self, words):
        wanted = [] if words == "nothing" else [word.strip() for word in words.split(",")]
        if self.last_sent is None or self.last_sent["answers"] != wanted:
            raise ScenarioFailure(f"answers were {', '.join((self.last_sent or {}).get('answers', [])) or 'none'}")

    @step(r"expect connection (closed|open)")
    async def expect_connection(self, end):
        if self.last_sent is None or self.last_sent["end"] != end:
            raise ScenarioFailure(f"it was {(self.last_sent or {}).get('end', 'never made')}")

    # Servers and operator

    @step(r"expect (hbbs|hbbr) saw (\w+) of (\S+) from (\S+)(?: (\d+) times)?")
    async def expect_seen(self, server, member, device, place, times):
        where, end = self.place(place), time.monotonic() + limit(None)
        while not (found := self._log(server).received(member, device)) and time.monotonic() < end:
            await asyncio.sleep(_LOOK_EVERY)
        if not found or times and len(found) != int(times):
            raise ScenarioFailure(f"it saw {len(found)}")
        sources = {line["from"] for line in found}
        strangers = sorted(source for source in sources if source.rpartition(":")[0].strip("[]") != where.seen_as)
        if strangers:
            raise ScenarioFailure(f"it came from {', '.join(strangers)}, and {place} is {where.seen_as}")
        if member.startswith("register") and device in self.where and not where.nat:
            own = mangle.text((where.seen_as, (await self.state(device))["port"]))
            if own not in sources:
                raise ScenarioFailure(f"it came from {', '.join(sorted(sources))}, and the device sent from {own}")

    @step(r"expect (hbbs|hbbr) saw no (\w+)(?: of (\S+))?(?: for " + SECONDS + ")?")
    async def expect_not_seen(self, server, member, device, seconds):
        log = self._log(server)
        since = log.end() if seconds else None
        await asyncio.sleep(float(seconds or 0.2 * PATIENCE))
        if found := log.received(member, device, since):
            raise ScenarioFailure(f"it saw {len(found)}, the first from {found[0]['from']}")

    @step(r"expect nothing arrived at the servers since the gateway was killed")
    async def expect_nothing_arrived(self):
        if not self.arrivals_at_death:
            raise ScenarioFailure("nothing had arrived before, or it was not killed")
        if came := await self.arrivals() - self.arrivals_at_death:
            raise ScenarioFailure(f"{came} datagrams and connections came")

    @step(r"expect the sessions of before it was killed ended")
    async def expect_sessions_ended(self):
        if not self.sessions_at_death:
            raise ScenarioFailure("there were none")
        sessions = await self.sessions()
        if left := [number for number in self.sessions_at_death if not sessions.get(number)]:
            raise ScenarioFailure(f"{len(left)} of {len(self.sessions_at_death)} are open or lost, like {min(left)}")

    @step(r"expect hbbs believed (?:nothing|address of (\w+)|(\S+))")
    async def expect_believed(self, place, address):
        wanted = self.place(place).seen_as if place else address or ""
        claimed = [line["claimed"] for line in self._log("hbbs").events("websocket")]
        if not claimed or claimed[-1] != wanted:
            raise ScenarioFailure(f"it was told {claimed[-1] or 'nothing' if claimed else 'by nobody'}")

    def _log(self, server):
        if server not in self.network.logs:
            raise ScenarioFailure(f"the network has no log of {server}")
        return self.network.logs[server]

    @step(r"expect audit (\S+) (\d+) times")
    async def expect_audit(self, word, times):
        end = time.monotonic() + limit(None)
        while True:
            status, output = await self.network.run("audit")
            count = sum(word in line for line in output.splitlines())
            if status == 0 and count == int(times):
                return
            if status != 0 or count > int(times) or time.monotonic() > end:
                raise ScenarioFailure(f"{count} lines of the audit have it" if status == 0 else output)
            await asyncio.sleep(5 * _LOOK_EVERY)


def _texts(answers):
    return ", ".join(text for _, text in answers) or "none"


def _text(outcome):
    return f"{outcome['kind']} {outcome['reason']}".strip() + f" after {outcome['seconds']} s"
