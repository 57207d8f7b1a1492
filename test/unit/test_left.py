"""Who may leave a cluster, in which order it goes, and what the cluster is without it."""

import openstack_ha_cluster
import openstack_ha_left as left
import openstack_ha_systems
import pytest
from support import example

SERVING = {
    "galera": {"wsrep": {"cluster_status": "Primary", "local_state": 4}},
    "rabbitmq": {"is_running": True},
}


@pytest.fixture
def cluster():
    return {**openstack_ha_cluster.complete(example()), "file": "/srv/cluster.yaml"}


def found(**changed):
    return {"ctl1": SERVING, "ctl2": SERVING, "ctl3": SERVING, **changed}


def objections(cluster, node="ctl3", reached=(), **changed):
    return left.objections(cluster, node, found(**changed), reached)


def test_one_of_three_may_leave_whatever_it_serves_itself(cluster):
    assert objections(cluster) == []
    assert objections(cluster, ctl3={}) == []
    assert objections(cluster, ctl3=None) == []


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (None, "ctl2 did not answer"),
        ({"error": "no room"}, "ctl2 answered with an error (no room)"),
        ({**SERVING, "galera": "no room"}, "the database of ctl2"),
        ({**SERVING, "galera": {"wsrep": None}}, "the database of ctl2"),
        (
            {**SERVING, "galera": {"wsrep": {"cluster_status": "non-Primary", "local_state": 4}}},
            "the database of ctl2",
        ),
        (
            {**SERVING, "galera": {"wsrep": {"cluster_status": "Primary", "local_state": 2}}},
            "the database of ctl2",
        ),
        ({**SERVING, "rabbitmq": {"is_running": False}}, "the broker of ctl2"),
        ({"galera": SERVING["galera"]}, "the broker of ctl2"),
    ],
)
def test_nobody_leaves_while_one_that_stays_does_not_serve(cluster, said, text):
    line, way = objections(cluster, ctl2=said)
    assert text in line
    assert "`salt-run openstack_ha.status demo`" in way


def test_one_that_hangs_is_not_taken_for_dead(cluster):
    (line,) = objections(cluster, ctl3=None, reached=["ctl1"])
    assert "ctl3 does not answer the master, and its host answers ctl1" in line
    (line,) = objections(cluster, ctl3={"error": "no room"})
    assert "ctl3 answered with an error (no room)" in line


def test_who_is_no_controller_or_more_than_one_stays(cluster):
    (line,) = objections(cluster, "sto1")
    assert "sto1 is no controller" in line
    cluster["nodes"]["ctl3"]["roles"] = ["controller", "proxy", "storage"]
    (line,) = objections(cluster)
    assert "ctl3 has the role storage too" in line
    cluster["nodes"]["ctl3"]["roles"] = ["controller", "proxy"]
    for node in ("ctl1", "ctl2"):
        cluster["nodes"][node]["roles"] = ["controller"]
    (line,) = objections(cluster)
    assert "ctl3 is the only one with the role proxy" in line
    del cluster["nodes"]["ctl2"], cluster["nodes"]["ctl3"]
    assert objections(cluster, "ctl1") == ["ctl1 is the only controller of demo"]


def test_the_vip_goes_first_and_what_others_stand_on_last(cluster):
    order = left.leaving(openstack_ha_cluster.systems(cluster, "ctl3"))
    assert set(order) == set(openstack_ha_cluster.systems(cluster, "ctl3"))
    assert order[0] == "keepalived" and order[-1] == "galera"
    assert order.index("haproxy") < order.index("keystone")
    assert order.index("keystone") < order.index("rabbitmq") < order.index("galera")


def test_a_person_reads_what_is_done_and_what_is_left(cluster):
    alive, dead = (left.steps(cluster, "ctl3", is_dead) for is_dead in (False, True))
    assert "keepalived stops" in alive[1]
    assert "keep it off" in dead[1]
    for steps in (alive, dead):
        assert "`salt -L ctl1,ctl2 state.highstate queue=True`" in steps[-1]
        assert "take ctl3 out of /srv/cluster.yaml" in steps[-1]


def test_the_cluster_is_without_it_and_another_role_of_it_stays(cluster):
    assert left.without(cluster, []) is cluster
    after = left.without(cluster, ["ctl3"])
    assert "ctl3" not in after["nodes"] and after["left"] == ["ctl3"]
    assert "ctl3" in cluster["nodes"]
    cluster["nodes"]["ctl3"]["roles"] = ["storage"]
    assert "ctl3" in left.without(cluster, ["ctl3"])["nodes"]


def test_views_name_who_has_left(cluster):
    after = left.without(cluster, ["ctl3"])
    for node in ("ctl1", "sto1", "cmp1"):
        view = openstack_ha_cluster.view(after, node)
        assert view["left"] == ["ctl3"] and "ctl3" not in view["nodes"]
    assert openstack_ha_cluster.view(after, "ctl3") == {}


def test_what_ends_its_work_when_it_is_drained_is_waited_for(cluster):
    services = left.drained(cluster, "ctl3")
    assert {"keystone", "glance"} <= set(services)
    assert not {"keepalived", "haproxy", "memcached"} & set(services)
    turns = openstack_ha_systems.turns()
    assert left.patience(services) == max(turns[one]["patience"] for one in services) > 0
    assert left.patience([]) == 0


@pytest.mark.parametrize(
    ("row", "is_used"),
    [
        ({"serves": True, "sessions": 0}, True),
        ({"serves": False, "sessions": 2}, True),
        ({"serves": False, "sessions": 0}, False),
        (None, False),
    ],
)
def test_what_one_haproxy_still_uses_is_used(row, is_used):
    quiet = {"keystone": {"seen": {"ctl3": {"serves": False, "sessions": 0}}}}
    asked = {"keystone": {"seen": {"ctl3": row} if row else {}}}
    told = {"ctl1": quiet, "ctl2": asked, "ctl4": None, "ctl5": {"keystone": {"seen": None}}}
    assert left.used("ctl3", ["keystone"], told) == (["keystone"] if is_used else [])
