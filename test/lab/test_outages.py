"""Of one node something fails or stops, and all is whole again by itself."""

import pytest

from bench import failover
from lab.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.usefixtures("mended")


def test_the_vip_leaves_a_node_whose_haproxy_stops_and_no_request_fails(lab):
    holder = failover.vip_holder(lab)
    lab.node(holder).check(["systemctl", "stop", "haproxy"])
    try:
        wait_for(lambda: failover.vip_holder(lab) != holder, PATIENCE, "the VIP to leave", 0.2)
        with failover.Probe(lab, seconds=3, timeout=60) as probe:
            pass
        assert probe.records, probe.error
        assert [one["error"] for one in probe.records if one["error"]] == []
    finally:
        lab.node(holder).check(["systemctl", "start", "haproxy"])


def test_a_wiped_server_is_filled_again(lab, nodes, rows, serving, chance, unseen):
    node = lab.node(chance.choice(nodes))
    with unseen():
        node.check(["systemctl", "stop", "mariadb"])
        node.check(["sh", "-c", "rm -rf /var/lib/mysql/* /var/lib/mysql/.[!.]*"])
    # Nothing rings: the master's schedule finds it.
    serving()
    rows()
