"""The node's view of its cluster: without secrets, and each probe on its own."""

import contextlib

import openstack_ha_cluster
import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError
from support import example, leaves

CONTROLLERS = {"holds_vip", "galera", "rabbitmq", "haproxy", "certificates", "nova"}


@pytest.fixture
def node():
    """The module on the first controller, whose pillar the master has made."""
    cluster = openstack_ha_cluster.complete(example())
    seen = openstack_ha_cluster.view(cluster, "ctl1")
    interfaces = {"eth0": {"inet": [{"address": cluster["nodes"]["ctl1"]["address"]}]}}
    return load(
        "_modules",
        "openstack_ha",
        __opts__={"id": "ctl1"},
        __pillar__={"openstack_ha": seen},
        __utils__=utils(),
        __salt__={"network.interfaces": lambda: interfaces},
    )


def test_a_view_has_no_secret_and_the_nodes_own_facts(node):
    view = node.view()
    assert "secrets" not in view
    secrets = set(leaves(node.__pillar__["openstack_ha"]["secrets"]))
    assert secrets
    assert not [one for one in secrets if one in repr(view)]
    assert (view["self"]["id"], view["self"]["interface"]) == ("ctl1", "eth0")
    assert [one["id"] for one in view["controllers"]] == ["ctl1", "ctl2", "ctl3"]
    assert view["vip"]["interface"] == "eth0"
    assert "secrets" in node.__pillar__["openstack_ha"], "the pillar itself is left as it is"


def test_a_secret_is_for_templates_and_no_jobs_return(node):
    assert node.secret("haproxy:stats") == example()["secrets"]["haproxy"]["stats"]
    with pytest.raises(CommandExecutionError, match="serves templates and modules, not jobs"):
        node.secret("haproxy:stats", __pub_fun="openstack_ha.secret")
    with pytest.raises(CommandExecutionError, match="openstack_ha:secrets:x:y is missing on ctl1"):
        node.secret("x:y")


def test_a_probe_that_fails_hides_no_other(node):
    def broken():
        raise ValueError("nonsense")

    def refused():
        raise CommandExecutionError("no systemd")

    node.__salt__.update(
        {
            "openstack_ha_galera.status": lambda: {"server": "running"},
            "openstack_ha_rabbitmq.status": broken,
            "openstack_ha_haproxy.status": refused,
            "openstack_ha_haproxy.certificate_ends": dict,
            "openstack_ha_nova_status.status": lambda: None,
            "openstack_ha_units.states": dict,
            "openstack_ha_rejoin.status": dict,
            "openstack_ha_swift.node_status": dict,
        }
    )
    assert node.node_status() == {
        "holds_vip": False,
        "galera": {"server": "running"},
        "rabbitmq": "ValueError: nonsense",
        "haproxy": "no systemd",
        "certificates": {},
        "nova": None,
        "units": {},
        "rejoin": {},
        "swift": {},
    }


@pytest.mark.parametrize(
    ("roles", "probes"),
    [
        (["compute"], {"networks"}),
        (["controller", "compute"], {*CONTROLLERS, "networks"}),
        (["controller"], CONTROLLERS),
        (["storage"], {"swift"}),
    ],
)
def test_a_node_is_asked_for_what_is_on_it(node, roles, probes):
    cluster = node.__pillar__["openstack_ha"]
    cluster["nodes"]["ctl1"]["roles"] = roles
    cluster["network"]["provider"] = "nova_network"
    for name in (
        "haproxy.certificate_ends",
        "nova_status.status",
        "nova_network.node_status",
        "swift.node_status",
        "units.states",
        "rejoin.status",
    ):
        node.__salt__[f"openstack_ha_{name}"] = dict
    assert set(node.node_status()) == {*probes, "units", "rejoin"}


def test_evidence_is_of_what_the_master_looks_after_here(node):
    asked = []
    for system in (
        "galera",
        "rabbitmq",
        "keystone",
        "db_sync",
        "nova_network",
        "nova",
        "nova_builds",
        "swift",
        "keepalived",
        "turn",
    ):

        def evidence(system=system):
            asked.append(system)
            if system == "galera":
                raise CommandExecutionError("no systemd")
            return {}

        node.__salt__[f"openstack_ha_{system}.evidence"] = evidence

    @contextlib.contextmanager
    def one_look():
        asked.append("a look begins")
        yield
        asked.append("and ends")

    node.__salt__["openstack_ha_db_sync.one_look"] = one_look
    node.__salt__["openstack_ha_guard.memory"] = lambda: {"vip:address": {}, "name": {}}
    found = node.evidence()
    assert found.pop("guards") == ["name", "vip:address"]
    assert (asked.pop(0), asked.pop()) == ("a look begins", "and ends")
    assert found["galera"] == "no systemd"
    assert set(found) == set(asked) >= {"galera", "rabbitmq", "keystone", "db_sync"}


def test_back_ends_are_told_by_their_servers(node):
    node.__salt__["openstack_ha_haproxy.status"] = lambda: [
        {"kind": "backend", "proxy": "mysql", "name": "BACKEND", "serving": True},
        {"kind": "server", "proxy": "mysql", "name": "ctl1", "serving": True},
        {"kind": "server", "proxy": "mysql", "name": "ctl2", "serving": False},
        {"kind": "frontend", "proxy": "stats", "name": "FRONTEND", "serving": True},
        {"kind": "backend", "proxy": "empty", "name": "BACKEND", "serving": False},
    ]
    assert node._haproxy() == {"mysql": {"ctl1": True, "ctl2": False}, "empty": {}}


def test_who_holds_the_vip_has_its_address(node):
    assert node.holds_vip() is False
    vip = node.__pillar__["openstack_ha"]["vip"]["address"]
    facts = {"inet": [], "secondary": [{"address": vip}]}
    node.__salt__["network.interfaces"] = lambda: {"eth0": facts}
    assert node.holds_vip() is True
    node.__salt__["network.interfaces"] = dict
    with pytest.raises(CommandExecutionError, match="shows no network interface"):
        node.holds_vip()


@pytest.mark.parametrize("pillar", [{}, {"openstack_ha": {}}, {"openstack_ha": "x"}])
def test_a_node_without_a_view_says_who_can_tell(node, pillar):
    node.__pillar__ = pillar
    with pytest.raises(CommandExecutionError, match=r"`salt-run openstack_ha.check` tells"):
        node.view()
