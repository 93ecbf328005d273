#!/usr/bin/env python3
"""Shows that the fake hbbs, hbbr and clients behave to each other as RustDesk's do, without a gateway between them: the
unit tests of the encodings (wire_test.py), then the scenarios of selftest/ in the namespaces of lab.py, over IPv4 and
IPv6, with hbbs as 1.1.12 and 1.1.17 are, with one that encrypts and one that asks for a key; and those that must fail.
Time limits of servers and clients are a tenth of the real ones.

  selftest.py [WORD...]      only the scenarios whose path has one of these words

Needs root. Ends with 'N passed, N failed'.
"""
import asyncio
import concurrent.futures
import functools
import glob
import os
import sys
import unittest

import scenario
import wire_test
from lab import Lab, Servers
from places import PATIENCE

_HERE = os.path.dirname(os.path.abspath(__file__))
_SCALE = 10 / PATIENCE  # waits are stretched, so that what they wait for must be
_AT_ONCE = 4
_LICENCE = "OeVuKk5nlHiXp+APNn0Y3pC1Iwpwn44JGqrQCsWqmBw="


def _scenarios(directory, words):
    paths = sorted(glob.glob(os.path.join(_HERE, "selftest", directory, "*.scenario")))
    return [os.path.relpath(path) for path in paths if not words or any(word in path for word in words)]


def _run_unit_tests():
    """(passed, failed)"""
    result = unittest.TextTestRunner(verbosity=0).run(unittest.defaultTestLoader.loadTestsFromModule(wire_test))
    bad = len(result.failures) + len(result.errors)
    return result.testsRun - bad, bad


def _run_scenarios(family, version, special, words):
    """`special`: "" for the server as most have it, or `encrypted`, or `keyed`: one that asks for a key."""
    paths = _scenarios(special, words) if special else _scenarios("every", words) + _scenarios(version, words)
    if not paths:
        return 0, 0
    title = f"IPv{family[1]}, hbbs {version} {special}: "
    with Lab() as lab:
        with Servers(lab, family, version, _SCALE, special == "encrypted",
                     licence_key=_LICENCE if special == "keyed" else "") as servers:
            passed = asyncio.run(scenario.run_all(paths, servers.description, title))
    return passed, len(paths) - passed


def _run_failing(words):
    """Scenarios that must fail, and say in their first line how: a runner that lets all pass shows nothing."""
    passed, paths = 0, _scenarios("fails", words)
    with Lab() as lab:
        with Servers(lab, "v4", "1.1.17", _SCALE) as servers:
            for path in paths:
                with open(path, encoding="utf-8") as file:
                    wanted = file.readline().removeprefix("# fails: ").strip()
                said = asyncio.run(_failure_of(path, servers.description))
                passed += wanted in said
                print(f"ok fails: {path}" if wanted in said else f"failed {path}: it said: {said}", flush=True)
    return passed, len(paths) - passed


async def _failure_of(path, description):
    network = scenario.Network(description)
    try:
        await scenario.run(path, network)
    except scenario.ScenarioFailure as failure:
        return failure.args[0]
    finally:
        await network.stop()
    return "nothing, it passed"


def main():
    words = sys.argv[1:]
    works = [] if words else [_run_unit_tests]
    for family in ("v4", "v6"):
        for version, special in (("1.1.12", ""), ("1.1.17", ""), ("1.1.17", "encrypted"), ("1.1.17", "keyed")):
            works.append(functools.partial(_run_scenarios, family, version, special, words))
    works.append(functools.partial(_run_failing, words))
    # A process each, with a lab of its own: most of it is waiting.
    with concurrent.futures.ProcessPoolExecutor(_AT_ONCE, max_tasks_per_child=1) as pool:
        results = [future.result() for future in [pool.submit(work) for work in works]]
    passed, failed = (sum(column) for column in zip(*results, strict=True))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
