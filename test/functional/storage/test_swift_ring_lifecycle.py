"""From any set of devices to any other, by the plan and Swift's own library, hour by hour."""

import json
import math
import subprocess

import openstack_ha_swift_ring as rings
import openstack_ha_swift_ring_limits as limits
import openstack_ha_swift_ring_plan as planner
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import ROOT

HELPER = ROOT / "openstack_ha/swift/files/openstack-ha-swift-ring.py"
HOUR = 3600
ROUNDS = 80
OPTIONS = {
    "ramp": 0.34,
    "max_dispersion": 100,
    "allow_fewer_zones": False,
    "wait_for_replication": False,
}

# The helper's own steps in one process for all examples, with a clock that can be set.
SERVER = """
import copy, importlib.util, itertools, json, sys, types
import swift.common.ring.builder as library
spec = importlib.util.spec_from_file_location("helper", sys.argv[1])
helper = importlib.util.module_from_spec(spec)
spec.loader.exec_module(helper)
clock = types.SimpleNamespace(now=1700000000)
library.time = lambda: clock.now
helper.time = types.SimpleNamespace(time=lambda: clock.now)
for line in sys.stdin:
    request = json.loads(line)
    clock.now += request.get("seconds", 0)
    reply = None
    if request["do"] == "new":
        work = helper.Work()
        work.files = helper.Files("/nonexistent", "object", "swift")
    elif request["do"] == "change":
        former = copy.deepcopy(work.builder)
        work.change(request["steps"])
    elif request["do"] == "undo":
        work.builder = former
    if work.builder:
        reply = work.facts({"md5": "", "version": work.builder.version})
        devs = work.builder.devs
        rows = itertools.zip_longest(*work.builder._replica2part2dev or [])
        names = [[helper._key(devs[d]) for d in row if d is not None] for row in rows]
        reply["rows"] = names
    print(json.dumps(reply), flush=True)
"""


class Ring:
    def __init__(self):
        argv = ["/usr/bin/python3", "-c", SERVER, HELPER]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(argv, text=True, **pipes)
        self.lost = {}

    def ask(self, do, **more):
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        facts = json.loads(self.process.stdout.readline())
        if facts:
            lost = [{"place": place, "time": when} for place, when in self.lost.items()]
            facts["removals"] = lost
        return facts


@pytest.fixture(scope="module")
def ring():
    made = Ring()
    yield made
    made.process.stdin.close()
    made.process.wait()


@st.composite
def pillars(draw):
    """Sets of devices, one after the other: new ones, others gone, some dead, replicas changed."""
    found = []
    for _ in range(draw(st.integers(2, 4))):
        replicas = draw(st.sampled_from([2, 2.5, 3, 3.5]))
        zones = draw(st.sets(st.integers(1, 5), min_size=math.ceil(replicas)))
        devices = {}
        for zone in zones:
            for disk in draw(st.sets(st.integers(1, 3), min_size=1)):
                weight = draw(st.sampled_from([50.0, 100.0, 250.0]))
                devices[zone, disk] = device(zone, disk, weight)
        if found:
            dead = draw(st.sets(st.sampled_from(sorted(found[-1][1])), max_size=3))
            for zone, disk in dead:
                others = {
                    z
                    for (z, d), one in devices.items()
                    if (z, d) != (zone, disk) and not one["failed"]
                }
                if len(others) >= math.ceil(replicas):
                    devices[zone, disk] = device(zone, disk, 100.0, failed=True)
        found.append((replicas, devices))
    return [
        {
            "ring": "object",
            "part_power": 5,
            "replicas": replicas,
            "min_part_hours": 1,
            "overload": 10,
            "options": OPTIONS,
            "devices": {rings.device_key(one): one for one in devices.values()},
        }
        for replicas, devices in found
    ]


def device(zone, disk, weight, failed=False):
    ip = f"10.0.0.{zone}"
    return {
        "region": 1,
        "zone": zone,
        "ip": ip,
        "port": 6200,
        "replication_ip": ip,
        "replication_port": 6200,
        "device": f"sd{disk}",
        "weight": weight,
        "meta": "",
        "failed": failed,
    }


def zones(keys):
    return len({key.split("/")[0] for key in keys})


def run(ring, desired, before):
    """One run of the state; return the facts after it and whether anything was done."""
    found = planner.plan(desired, before, OPTIONS)
    assert found["refusals"] == []
    steps = found["steps"]
    if not steps:
        return before, found
    after = ring.ask("change", steps=steps)
    if not planner.is_worth(steps, before, after):
        return ring.ask("undo"), {**found, "steps": []}
    for step in steps:
        if step["do"] == "remove" and step["is_failed"] and step["parts"]:
            ring.lost[step["place"]] = after["now"]
            after = ring.ask("facts")
    return after, found


def check(before, after):
    """What stays of each part in one run, and where it stands then."""
    for old, new in zip(before["rows"], after["rows"], strict=True):
        kept = set(old) & set(new)
        assert zones(kept) >= min(2, zones(old) - 1), (old, new)
        assert zones(kept) >= zones(old) - 1, (old, new)
        assert zones(new) >= 2, (old, new)


def allowed(desired, before, after):
    """The master spreads it: what a plan leads to is what the owner may decide."""

    def seen(facts):
        return {
            "replicas": math.ceil(facts["replicas"]),
            "part_power": facts["part_power"],
            "devices": list(facts["devices"].values()),
        }

    former = seen(before) if before else None
    assert limits.objections(desired, seen(after), former, False) == []


UNHURRIED = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=20, derandomize=True, **UNHURRIED)
@given(pillars())
def test_a_ring_comes_to_any_pillar_and_no_part_loses_two_zones_at_once(ring, wanted):
    live(ring, wanted)


@pytest.mark.long
@settings(max_examples=300, **UNHURRIED)
@given(pillars())
def test_a_ring_comes_to_any_of_many_pillars(ring, wanted):
    live(ring, wanted)


def live(ring, wanted):
    """From pillar to pillar, hour by hour, until nothing is left to do for each."""
    ring.lost = {}
    facts = ring.ask("new")
    for desired in wanted:
        for _ in range(ROUNDS):
            before = facts
            facts, found = run(ring, desired, before)
            if before and found["steps"]:
                check(before, facts)
            allowed(desired, before, facts)
            again, second = run(ring, desired, facts)
            is_lowered = any(step["do"] == "set_replicas" for step in found["steps"])
            if not is_lowered:
                assert second["steps"] == [], "applied twice, it changes something"
            if second["steps"]:
                assert all(step.get("is_failed", True) for step in second["steps"])
                check(facts, again)
                allowed(desired, facts, again)
            facts = again
            if not second["steps"] and not second["later"]:
                break
            facts = ring.ask("tick", seconds=HOUR)
        else:
            raise AssertionError(f"does not come to rest: {second}")
        live = {key: one["weight"] for key, one in desired["devices"].items() if not one["failed"]}
        assert {key: one["weight"] for key, one in facts["devices"].items()} == live
        assert facts["replicas"] == desired["replicas"]
        facts = ring.ask("tick", seconds=HOUR)
