"""Swift's rings and nodes as people see them."""

import openstack_ha_swift_spread as spreading
import pytest
from runners import load

CLUSTER = {"name": "demo", "owner": "sto1", "nodes": ["sto1", "sto2", "prx1"], "rings": ["object"]}
MD5 = "0123456789abcdef0123456789abcdef"
FIGURES = {"version": 7, "md5": MD5, "balance": 0.4, "dispersion": 0.0, "seconds_left": 0}
OWN = {"object": {**FIGURES, "rebalanced_at": 1000}}


def said(**more):
    return {
        "served": {"object": {"md5": MD5, "version": 7}},
        "unready": None,
        "replicated": {"account": 20, "container": 30, "object": 100},
        "unmounted": [],
        "used": {"sdb": 12, "sdc": 40},
        "nearly_full": 85,
        "errors": {},
        "audited": 5,
        "figures": None,
        **more,
    }


@pytest.fixture
def show():
    lines = load("_output", "openstack_ha_lines").output
    shown = load("_output", "openstack_ha_swift", __salt__={"openstack_ha_lines": lines}).output

    def status(replies, decision=None):
        record = {"spread": {}, "decision": decision}
        return shown(spreading.assess(CLUSTER, replies, record, 8200)).splitlines()

    return status


def test_rings_and_nodes_are_a_line_each_with_ages(show):
    proxy = said(replicated={}, used={})
    never = said(replicated={"account": None, "container": 1, "object": 1})
    settled = {"verdict": "settled", "why": "every node has the rings object", "way_out": None}
    replies = {"sto1": said(figures=OWN), "sto2": never, "prx1": proxy}
    assert show(replies, settled) == [
        "demo: its rings are healthy, sto1 builds them",
        "",
        "ring    version  md5       balance  dispersion  rebalanced  lacking",
        "object  7        01234567  0.4      0.0         2 h ago     nobody",
        "",
        "node  rings  disks  fullest  errors  last replication",
        "sto1  1/1    2/2    40 %     0       1 min 40 s ago",
        "sto2  1/1    2/2    40 %     0       never",
        "prx1  1/1",
        "",
        "decision: settled, every node has the rings object",
    ]


def test_what_is_wrong_stands_at_the_end(show):
    replies = {"sto2": said(unmounted=["sdd"], served={}, errors={"sdb": 3}), "prx1": said()}
    lines = show(replies)
    assert lines[0] == "demo: its rings are degraded, sto1 builds them"
    assert "sto1  no answer" in lines
    assert "sto2  0/1        2/3    40 %     3       1 min 40 s ago" in lines
    assert "object  ?" in lines[3]
    assert "  - sto2: sdd is not mounted" in lines
    assert max(map(len, lines)) <= 100
    replies["sto1"] = said(figures=OWN)
    assert show(replies)[3].endswith("2 h ago     sto2")
