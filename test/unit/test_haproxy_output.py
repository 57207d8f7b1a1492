"""One HAProxy as people see it."""

import openstack_ha_haproxy as haproxy
import pytest
from runners import load
from test_haproxy import STAT


@pytest.fixture
def show():
    lines = load("_output", "openstack_ha_lines").output
    return load("_output", "openstack_ha_haproxy", __salt__={"openstack_ha_lines": lines}).output


def test_a_line_for_a_service_and_one_for_who_does_not_serve(show):
    rows = haproxy.parse_stat(f"{STAT}stats,FRONTEND,,1,9,0,0,OPEN,,,,0,,,\n".replace("\n\n", "\n"))
    assert show({"ctl1": rows}).splitlines() == [
        "ctl1: 2 services",
        "service  front end  serving  sessions  so far  queue  unchanged for",
        "mysql    OPEN       2/3      4         90      1      0:00:07",
        "stats    OPEN                1         9       0",
        "not serving:",
        "  - mysql ctl2: DOWN, L4TOUT, for 0:00:07",
    ]


def test_a_service_without_a_front_end_is_shown_by_what_is_behind_it(show):
    rows = [row for row in haproxy.parse_stat(STAT) if row["kind"] != "frontend"]
    assert "mysql    none       2/3" in show({"ctl1": rows})


def test_each_node_and_an_error_as_it_is(show):
    text = show({"ctl1": haproxy.parse_stat(STAT), "ctl2": "ERROR: HAProxy does not answer"})
    assert text.startswith("ctl1: 1 services\n")
    assert text.endswith("\n\nctl2: ERROR: HAProxy does not answer")


def test_salt_is_told_who_shows_it():
    assert load("_modules", "openstack_ha_haproxy").__outputter__ == {
        "status": "openstack_ha_haproxy"
    }
