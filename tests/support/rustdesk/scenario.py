#!/usr/bin/env python3
"""Runs scenarios: what devices do at places, what an operator does, and what is expected of it.

  scenario.py --network JSON [--commands JSON] FILE...
                                          JSON: a file as places.py describes it; a file of more commands for it
  scenario.py --check FILE...             only whether every line is a step

One step a line, or several with `;` between them; `#` begins a comment. A scenario ends with its first step that does
not come out as it says, and tells file, line and what was seen instead. Ends with 'N passed, N failed'; status 1 if one
failed. Devices are named by their ids; the uuid and key of a device follow from the id it began with.

Devices (time limits without a number are 10 s; GATEHOUSE_TEST_PATIENCE stretches them)
  device ID at PLACE registers                       starts and must become online
  device ID at PLACE starts                          starts, nothing is expected
      ... known                                      as one whose key the server has: heartbeats, no RegisterPk at first
      ... with the uuid of ID                        also: with the key of ID. Another device's
      ... that relays                                as one that cannot be reached directly
  device ID stops
  devices ID to ID at PLACE start [known]            all ids from the first to the last; also: devices ID to ID stop
  expect devices ID to ID online                     also: answered WORD; [within N s]
  expect ID online [within N s]
  expect ID unanswered for N s                       not one answer in that time
  expect ID answered WORD [within N s]               WORD: ok, request_pk, or a RegisterPkResponse: OK, NOT_SUPPORT, ...
  expect ID keeps its id                             also: draws another id
Sessions (the initiator is the device's place; `nobody` is one without an id)
  device ID at PLACE punches TARGET                  also: nobody at PLACE punches TARGET
  device ID at PLACE relays with TARGET              by RequestRelay, without a punch
      ... by ws                                      WebSocket instead of TCP, at both servers
      ... twice at once                              with the second connection that clients open
      ... with token T                               also: with forged address A (X-Real-IP), with key exchange (as one
                                                     that is logged in; with another key: that it does not have),
                                                     with licence KEY (another than the network's)
      ... under uuid U                               a relay's own; without going direct
  device ID at PLACE joins relay U [to TARGET] [by ws]   goes to hbbr without hbbs; with a target as its controller
  expect ID refused [REASON]                         OFFLINE and the like, or a quoted part of the text
  expect ID connected [directly|locally|by relay]    also: not connected
  expect ID encrypted                                what it said to hbbs; also: in plaintext
  expect ID closed                                   also: unanswered
  expect bytes both ways                             in the last session
  expect relay closed within N s                     the last session, at both ends
  expect session open for N s
  session ends
Questions
  device ID at PLACE asks for ID,ID,...              who is online
  expect online ID,ID,...                            exactly these of them; `expect online nobody`
  device ID at PLACE tests its nat                   must see one port twice, and its own if there is no NAT
  nobody at PLACE sends KIND of TARGET by tcp|ws|udp [with forged address A]
                                                     a kind of malformed.py, or the member of a good message
  expect answers WORDS                               exactly these, with `,` between them; `expect answers nothing`
  expect connection closed                           also: open
Harm
  nobody at PLACE opens N idle connections to port P those that are refused do not matter
  nobody at PLACE says a byte a second about TARGET  a request for it, very slowly
  nobody at PLACE forges N registrations             a heartbeat and a key each, of ids from 400000000 on
  nobody at PLACE goes on forging registrations      250 a second, to the end of the scenario
Servers and operator
  expect hbbs saw MEMBER of ID from PLACE [N times]  with that place's own address and port
  expect hbbs saw no MEMBER of ID [for N s]          since the scenario began; with a time, from now on
  expect nothing arrived at the servers since the gateway was killed   no datagram, no connection, at any port
  expect hbbs believed ADDRESS                       of the last WebSocket; also: address of PLACE, nothing
  hbbs is told WORDS                                 on its console; also: hbbr
  hbbs restarts                                      its memory is gone, its file is not
  operator bans device ID [for DURATION]             also: uuid of ID, key of ID; [mapped] address of PLACE
  operator unbans ...
  operator does WORDS                                any other command of the gateway
  operator kills the gateway                         SIGKILL
  operator starts the gateway                        and waits until it is ready
  expect the sessions of before it was killed ended  those that were open then; there must have been one
  service SETTING VALUE
  expect audit WORD N times                          lines with this word in what the command `audit` prints
  wait N s                                           stretched, as time limits are
Commands of the network: ban, unban ({target}, and {duration} for `ban_for`), ban_address, unban_address ({address}),
operator, service ({setting}, {value}), sessions (a JSON object a line), kill_gateway, start_gateway, arrivals (`packets
N`, that have come to the servers), restart_hbbs, hbbs_console, hbbr_console, audit, reset and reset_gateway, which run
before and after each scenario: each begins with servers and a gateway that have seen nothing and have no bans, and with
the service's settings as they are by default. Bans of a scenario are lifted at its end. The scenarios that a gateway is
tested with are in tests/netns/rustdesk, for the places of lab.py and a clock scale of 1; lab.py gives all commands that
concern hbbs and hbbr.
"""
import argparse
import asyncio
import json
import sys

from expectations import Expectations
from places import AgentError, Network
from steps import ScenarioFailure, Steps, find_step


class Scenario(Steps, Expectations):
    """All that a scenario can say."""


def read_steps(path):
    """(line number, text) of each step; raises ScenarioFailure for a line that is none."""
    found = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            for text in line.split("#")[0].split(";"):
                if text := " ".join(text.split()):
                    if find_step(Scenario, text) is None:
                        raise ScenarioFailure(f"{path}:{number}: '{text}' is no step (scenario.py --help lists them)")
                    found.append((number, text))
    if not found:
        raise ScenarioFailure(f"{path}: no steps")
    return found


async def run(path, network):
    """Raises ScenarioFailure."""
    scenario = Scenario(network)
    steps = read_steps(path)
    await scenario.begin()
    try:
        for number, text in steps:
            method, arguments = find_step(Scenario, text)
            try:
                await method(scenario, *arguments)
            except (ScenarioFailure, AgentError, KeyError) as error:
                raise ScenarioFailure(f"{path}:{number}: {text}: {error.args[0]}") from error
    finally:
        await scenario.end()


async def run_all(paths, description, title=""):
    """How many passed; tells each."""
    passed = 0
    for path in paths:
        network = Network(description)
        try:
            await run(path, network)
            passed += 1
            print(f"ok {title}{path}", flush=True)
        except ScenarioFailure as failure:
            print(f"failed {title}{failure.args[0]}", flush=True)
        finally:
            await network.stop()
    return passed


def _read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="FILE")
    parser.add_argument("--network", metavar="JSON")
    parser.add_argument("--commands", metavar="JSON")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        passed = 0
        for path in options.files:
            try:
                read_steps(path)
                passed += 1
            except ScenarioFailure as failure:
                print(failure.args[0])
    else:
        if not options.network:
            parser.error("--network says where the places are")
        description = _read(options.network)
        if options.commands:
            description["commands"] = {**description.get("commands", {}), **_read(options.commands)}
        passed = asyncio.run(run_all(options.files, description))
    failed = len(options.files) - passed
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
