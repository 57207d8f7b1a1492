"""When a cluster is healthy, degraded or dead, and how that looks."""

import copy

import openstack_ha_status as status
import pytest
from runners import load

UUID = "6d1f0c8e-c7b4-11f0-9c53-3e1a2b6f7d10"
VIP = "172.29.80.100"
PEM = "/etc/haproxy/openstack_ha.pem"
NOW, DAY = 1_764_000_000, 86400
IDS = ("ctl1", "ctl2", "ctl3")
BROKERS = [f"rabbit@{one}" for one in IDS]
CLUSTER = {
    "name": "demo",
    "vip": {"address": VIP},
    "nodes": {
        **{one: {"hostname": one, "roles": ["controller"]} for one in IDS},
        "cmp1": {"hostname": "cmp1", "roles": ["compute"]},
    },
}
WORD = {"verdict": "settled", "nodes": [], "why": "every controller is Synced", "way_out": None}
RECORD = {"decision": WORD, "decided": 1_764_000_000.5}
SETTLED = {"galera": {**RECORD, "floor": {"uuid": UUID, "seqno": 40}}, "rabbitmq": RECORD}
NO_RECORD = {"galera": {}, "rabbitmq": {}}
HYPERVISOR = {"is_up": True, "machines": 3, "running": 2}
NOVA = {"services": [], "unmapped": [], "hypervisors": {"cmp1": HYPERVISOR}}
# Two machines, a floating address of one, and the way to their metadata.
BRIDGE = {"machines": 2, "addresses": ["10.20.0.2"], "is_serving": True}
NAT = [
    "-A nova-network-PREROUTING -d 169.254.169.254/32 -p tcp -j DNAT",
    "-A nova-network-PREROUTING -d 192.0.2.65/32 -j DNAT --to-destination 10.20.0.3",
]
NETWORKS = {"bridges": {"br100": BRIDGE}, "nat": NAT, "public": ["192.0.2.65"]}
SERVICE = {
    "id": 7,
    "binary": "nova-compute",
    "host": "cmp1",
    "is_up": True,
    "is_forced_down": False,
    "is_disabled": False,
    "reason": None,
    "silent_for": 340,
}
HEALTH = {"health.service": "active", "health.socket": "active"}
STOPPED = {"server": "stopped", "wsrep": None, "is_synced": False}


def replies():
    """What controllers and a compute node say while all is well, ctl1 being the VIP's holder."""
    serving = dict.fromkeys(IDS, True)
    healthy = {
        "holds_vip": False,
        "galera": {
            "server": "running",
            "wsrep": {
                "cluster_status": "Primary",
                "cluster_size": 3,
                "state_uuid": UUID,
                "last_committed": 42,
                "local_state_comment": "Synced",
            },
            "is_synced": True,
        },
        "rabbitmq": {
            "is_running": True,
            "running_nodes": BROKERS,
            "partitions": {broker: [] for broker in BROKERS},
            "alarms": [],
        },
        "haproxy": {"mysql": dict(serving), "rabbitmq": dict(serving)},
        "certificates": {PEM: NOW + 90 * DAY},
        "nova": None,
    }
    found = {one: copy.deepcopy(healthy) for one in IDS}
    found["ctl1"]["holds_vip"] = True
    found["cmp1"] = {"networks": copy.deepcopy(NETWORKS)}
    for one in IDS:
        found[one]["units"] = {"haproxy": {"haproxy.service": "active"}, "health": dict(HEALTH)}
    found["cmp1"]["units"] = {"nova.compute": {"nova-compute.service": "active"}}
    for one in found.values():
        one["rejoin"] = {"is_deployed": True, "has_rejoined": True, "is_applying": False}
    return found


def put(path, value):
    """Return a change of the replies: this value at this path."""

    def change(found):
        *parents, last = path.split(".")
        for key in parents:
            found = found[key]
        found[last] = value

    return change


def everywhere(path, value):
    """Return a change of the replies: this value at this path of each controller."""

    def change(found):
        for one in IDS:
            put(f"{one}.{path}", copy.deepcopy(value))(found)

    return change


def broker_down(found):
    """ctl3's broker has stopped, and the others see it."""
    found["ctl3"]["rabbitmq"].update(is_running=False, running_nodes=[])
    for one in IDS[:2]:
        found[one]["rabbitmq"]["running_nodes"] = BROKERS[:2]


SHOWN = "`salt-run openstack_ha_coordinator.plan demo galera`"
SHOWN_BROKERS = "`salt-run openstack_ha_coordinator.plan demo rabbitmq`"
CASES = {
    "all is well": (lambda found: None, "healthy", []),
    "a node does not answer": (
        put("ctl3", None),
        "degraded",
        ["ctl3 did not answer: `salt ctl3 test.ping`, `systemctl status salt-minion` on it"],
    ),
    "a node answers with an error": (
        put("ctl3", "'openstack_ha.node_status' is not available."),
        "degraded",
        [
            "ctl3 answered 'openstack_ha.node_status' is not available.: "
            "`salt ctl3 saltutil.sync_all`"
        ],
    ),
    "a probe fails": (
        put("ctl2.galera", "the database does not answer"),
        "degraded",
        [
            "galera of ctl2 is unknown: the database does not answer "
            "(`salt ctl2 openstack_ha.node_status` asks again)"
        ],
    ),
    "nobody has the VIP": (
        put("ctl1.holds_vip", False),
        "dead",
        [
            f"the VIP {VIP} was found on no controller: "
            "`salt -L ctl1,ctl2,ctl3 cmd.run 'journalctl -n 20 -u keepalived'`"
        ],
    ),
    "two have the VIP": (
        put("ctl2.holds_vip", True),
        "degraded",
        [
            f"the VIP {VIP} is held by ctl1 and ctl2: "
            "`salt -L ctl1,ctl2 cmd.run 'journalctl -n 20 -u keepalived'`"
        ],
    ),
    "a member is stopped": (
        put("ctl2.galera", STOPPED),
        "degraded",
        [f"Galera of ctl2 is stopped: {SHOWN}"],
    ),
    "a member is a donor": (
        put("ctl2.galera.wsrep.local_state_comment", "Donor/Desynced"),
        "degraded",
        # It is under way, which is told as that.
        [],
    ),
    "a member is alone": (
        put("ctl2.galera.wsrep.cluster_status", "non-Primary"),
        "degraded",
        [f"Galera of ctl2 is Synced in a non-Primary component: {SHOWN}"],
    ),
    "a member is missing from the component": (
        everywhere("galera.wsrep.cluster_size", 2),
        "degraded",
        [f"Galera's component of ctl1, ctl2, ctl3 has 2 of 3 members: {SHOWN}"],
    ),
    "there are two clusters": (
        put("ctl2.galera.wsrep.state_uuid", "7"),
        "degraded",
        [f"Galera has several clusters, {UUID}, 7: {SHOWN}"],
    ),
    "no database has started": (
        everywhere("galera", STOPPED),
        "dead",
        [
            "Galera has no Primary component; the last decision is settled, every controller is "
            f"Synced: {SHOWN}",
            *(f"Galera of {one} is stopped: {SHOWN}" for one in IDS),
        ],
    ),
    "a broker is stopped": (
        broker_down,
        "degraded",
        [
            f"RabbitMQ of ctl3 does not run: {SHOWN_BROKERS}",
            *(
                f"RabbitMQ of {one} does not see rabbit@ctl3 run: "
                f"`salt {one} openstack_ha_rabbitmq.status`"
                for one in IDS[:2]
            ),
        ],
    ),
    "brokers are partitioned": (
        put("ctl1.rabbitmq.partitions", {"rabbit@ctl1": ["rabbit@ctl2"], "rabbit@ctl2": []}),
        "degraded",
        [
            "RabbitMQ of ctl1 sees rabbit@ctl1 partitioned from rabbit@ctl2: "
            "`salt ctl1 openstack_ha_rabbitmq.status`"
        ],
    ),
    "a broker has an alarm": (
        put("ctl1.rabbitmq.alarms", [{"node": "rabbit@ctl2", "resource": "memory"}]),
        "degraded",
        [
            "RabbitMQ of ctl1 takes no messages, for rabbit@ctl2 has the alarm memory: "
            "`salt ctl1 openstack_ha_rabbitmq.status`"
        ],
    ),
    "no broker runs": (
        everywhere("rabbitmq", {**replies()["ctl1"]["rabbitmq"], "is_running": False}),
        "dead",
        [
            f"no RabbitMQ broker was found running: {SHOWN_BROKERS}",
            *(f"RabbitMQ of {one} does not run: {SHOWN_BROKERS}" for one in IDS),
        ],
    ),
    "a server is down": (put("ctl2.haproxy.mysql.ctl3", False), "healthy", []),
    "a back end is empty beside the VIP": (
        put("ctl2.haproxy.mysql", dict.fromkeys(IDS, False)),
        "degraded",
        [
            "HAProxy of ctl2 has no serving server in mysql (ctl1, ctl2, ctl3): "
            "`salt ctl2 openstack_ha_haproxy.status`"
        ],
    ),
    "a back end is empty behind the VIP": (
        put("ctl1.haproxy.mysql", dict.fromkeys(IDS, False)),
        "dead",
        [
            "HAProxy of ctl1 has no serving server in mysql (ctl1, ctl2, ctl3): "
            "`salt ctl1 openstack_ha_haproxy.status`"
        ],
    ),
    "a certificate ends": (
        put("ctl2.certificates", {PEM: NOW + 13 * DAY}),
        "degraded",
        [
            "the certificate of ctl2 ends 2025-12-07T16:00:00Z: give tls:certificate another one, "
            f"`salt ctl2 state.apply openstack_ha.haproxy` ({PEM})"
        ],
    ),
    "a certificate has ended": (
        put("ctl2.certificates", {PEM: NOW - DAY}),
        "degraded",
        [
            "the certificate of ctl2 ended 2025-11-23T16:00:00Z: give tls:certificate another one, "
            f"`salt ctl2 state.apply openstack_ha.haproxy` ({PEM})"
        ],
    ),
    "there is no TLS": (everywhere("certificates", {}), "healthy", []),
    "a module of before": (
        lambda found: found["ctl3"].pop("certificates"),
        "degraded",
        [
            "certificates of ctl3 is unknown: an older module does not tell it "
            "(`salt ctl3 openstack_ha.node_status` asks again)"
        ],
    ),
    "nothing is wrong with Nova": (everywhere("nova", NOVA), "healthy", []),
    "a service of Nova is down": (
        everywhere("nova", {**NOVA, "services": [{**SERVICE, "is_up": False}]}),
        "degraded",
        [
            "nova-compute of cmp1 has last reported 340 s ago: "
            "`salt cmp1 service.restart nova-compute`"
        ],
    ),
    "a service of Nova is forced down": (
        put(
            "ctl2.nova", {**NOVA, "services": [{**SERVICE, "is_up": False, "is_forced_down": True}]}
        ),
        "degraded",
        [
            "nova-compute of cmp1 counts as down by a person's word: "
            "`openstack compute service set --up cmp1 nova-compute`"
        ],
    ),
    "a service of Nova is disabled": (
        everywhere("nova", {**NOVA, "services": [{**SERVICE, "is_disabled": True}]}),
        "degraded",
        [
            "nova-compute of cmp1 is disabled: "
            "`openstack compute service set --enable cmp1 nova-compute`"
        ],
    ),
    "a service of Nova is disabled for a reason, and down": (
        everywhere(
            "nova",
            {
                **NOVA,
                "services": [{**SERVICE, "is_disabled": True, "reason": "disk", "is_up": False}],
            },
        ),
        "degraded",
        [
            "nova-compute of cmp1 has last reported 340 s ago: "
            "`salt cmp1 service.restart nova-compute`",
            "nova-compute of cmp1 is disabled (disk): "
            "`openstack compute service set --enable cmp1 nova-compute`",
        ],
    ),
    "a service of Nova is nobody's": (
        everywhere("nova", {**NOVA, "services": [{**SERVICE, "host": "cmp9", "is_up": False}]}),
        "degraded",
        [
            "nova-compute of cmp9 is of no node of the cluster file: "
            "`openstack compute service delete 7`"
        ],
    ),
    "a host is in no cell": (
        everywhere("nova", {**NOVA, "unmapped": ["cmp1"]}),
        "degraded",
        [
            "cmp1 is in no cell, and gets no machines: "
            "`salt-run openstack_ha_coordinator.answer demo nova`"
        ],
    ),
    "what Nova is like is not known": (
        put("ctl1.nova", "the database of ctl1 does not answer"),
        "degraded",
        [
            "nova of ctl1 is unknown: the database of ctl1 does not answer "
            "(`salt ctl1 openstack_ha.node_status` asks again)"
        ],
    ),
    "a compute node does not answer": (
        put("cmp1", None),
        "degraded",
        ["cmp1 did not answer: `salt cmp1 test.ping`, `systemctl status salt-minion` on it"],
    ),
    "a compute node has an older module": (
        put("cmp1", {"holds_vip": False, "galera": "not there"}),
        "degraded",
        [
            f"{probe} of cmp1 is unknown: an older module does not tell it "
            "(`salt cmp1 openstack_ha.node_status` asks again)"
            for probe in ("networks", "units", "rejoin")
        ],
    ),
    "a compute node's networks are not known": (
        put("cmp1.networks", "`ip` failed"),
        "degraded",
        [
            "networks of cmp1 is unknown: `ip` failed (`salt cmp1 openstack_ha.node_status` asks "
            "again)"
        ],
    ),
    "no dnsmasq serves a bridge": (
        put("cmp1.networks.bridges.br100.is_serving", False),
        "degraded",
        [
            "cmp1: no dnsmasq serves br100, and 2 machines are on it; "
            "`salt cmp1 cmd.run 'systemctl restart nova-network'` makes it again"
        ],
    ),
    "a floating address is nowhere": (
        put("cmp1.networks.public", []),
        "degraded",
        [
            "cmp1: the floating address 192.0.2.65 of 10.20.0.3 is on no interface that is public; "
            "`salt cmp1 cmd.run 'systemctl restart nova-network'` makes it again"
        ],
    ),
    "HAProxy has no back end": (
        put("ctl2.haproxy", {}),
        "degraded",
        ["HAProxy of ctl2 has no back end: `salt ctl2 openstack_ha_haproxy.status`"],
    ),
}


@pytest.mark.parametrize(("change", "verdict", "faults"), CASES.values(), ids=CASES)
def test_rule(change, verdict, faults):
    found = replies()
    change(found)
    data = status.assess(CLUSTER, found, SETTLED, NOW)
    assert (data["verdict"], data["faults"]) == (verdict, faults)
    assert data["retcode"] == status.VERDICTS.index(verdict)


def test_what_is_unknown_is_never_absent():
    found = replies()
    for one in IDS:
        found[one].update(galera="no answer", rabbitmq="no answer")
    faults = status.assess(CLUSTER, found, SETTLED, NOW)["faults"]
    assert [line for line in faults if "is unknown: no answer" in line] == faults[:6]
    assert not [line for line in faults if "is stopped" in line or "does not run" in line]


def test_nobody_answers():
    data = status.assess(CLUSTER, {}, NO_RECORD, NOW)
    assert (data["verdict"], data["silent"]) == ("dead", [*IDS, "cmp1"])
    assert data["nodes"] == dict.fromkeys(IDS)
    assert data["compute"] == {"cmp1": {"hypervisor": None, "bridges": None}}


def test_a_compute_node_is_told_by_itself_and_by_the_database():
    found = replies()
    everywhere("nova", NOVA)(found)
    (told,) = status.assess(CLUSTER, found, SETTLED, NOW)["compute"].values()
    assert told == {"hypervisor": HYPERVISOR, "bridges": NETWORKS["bridges"]}
    found["cmp1"] = None
    (told,) = status.assess(CLUSTER, found, SETTLED, NOW)["compute"].values()
    assert told == {"hypervisor": HYPERVISOR, "bridges": None}


def test_a_node_that_is_controller_and_compute_node_is_named_once():
    cluster = {
        **CLUSTER,
        "nodes": {"ctl1": {"hostname": "ctl1", "roles": ["controller", "compute"]}},
    }
    data = status.assess(cluster, {}, NO_RECORD, NOW)
    assert data["silent"] == ["ctl1"]
    assert len([line for line in data["faults"] if "did not answer" in line]) == 1
    found = {"ctl1": {**replies()["ctl1"], "networks": "`ip` failed"}}
    lines = status.assess(cluster, found, NO_RECORD, NOW)["faults"]
    assert len([line for line in lines if line.startswith("networks of ctl1 is unknown")]) == 1


@pytest.fixture(scope="module")
def table():
    """The outputter."""
    lines = load("_output", "openstack_ha_lines").output
    options = {"__opts__": {"color": False}, "__salt__": {"openstack_ha_lines": lines}}
    return load("_output", "openstack_ha_status", **options).output


def test_table_of_a_healthy_cluster(table):
    found = replies()
    everywhere("nova", NOVA)(found)
    assert table(status.assess(CLUSTER, found, SETTLED, NOW)) == (
        """\
demo is healthy, VIP 172.29.80.100 on ctl1

node  VIP    Galera              data         RabbitMQ     HAProxy  units
ctl1  holds  Synced Primary 3/3  6d1f0c8e:42  running 3/3  2/2      3/3
ctl2         Synced Primary 3/3  6d1f0c8e:42  running 3/3  2/2      3/3
ctl3         Synced Primary 3/3  6d1f0c8e:42  running 3/3  2/2      3/3

node  nova-compute  machines    networks        units
cmp1  up            2 of 3 run  br100 serves 2  1/1

decisions:
  galera: settled (for 0 s), every controller is Synced
  rabbitmq: settled (for 0 s), every controller is Synced

(units, HAProxy, disks, rings: how many of how many run, serve, are mounted, are there)"""
    )


def test_table_of_a_degraded_cluster(table):
    found = replies()
    found["ctl1"]["rabbitmq"]["alarms"] = [{"node": "rabbit@ctl1", "resource": "disk"}]
    found["ctl2"]["galera"] = "no answer"
    del found["ctl3"]
    put("ctl1.nova", {**NOVA, "hypervisors": {"cmp1": {**HYPERVISOR, "is_up": False}}})(found)
    found["cmp1"]["networks"]["bridges"] |= {
        "br101": {**BRIDGE, "is_serving": False},
        "br102": {**BRIDGE, "machines": 0, "is_serving": False},
    }
    assert table(status.assess(CLUSTER, found, SETTLED, NOW)) == (
        """\
demo is degraded, VIP 172.29.80.100 on ctl1

node  VIP    Galera              data         RabbitMQ             HAProxy  units
ctl1  holds  Synced Primary 3/3  6d1f0c8e:42  running 3/3, alarms  2/2      3/3
ctl2         unknown             unknown      running 3/3          2/2      3/3
ctl3         no answer

node  nova-compute  machines    networks                                units
cmp1  down          2 of 3 run  br100 serves 2, br101 does not serve 2  1/1

decisions:
  galera: settled (for 0 s), every controller is Synced
  rabbitmq: settled (for 0 s), every controller is Synced

(units, HAProxy, disks, rings: how many of how many run, serve, are mounted, are there)

faults:
  - ctl3 did not answer: `salt ctl3 test.ping`, `systemctl status salt-minion` on it
  - galera of ctl2 is unknown: no answer (`salt ctl2 openstack_ha.node_status` asks again)
  - RabbitMQ of ctl1 takes no messages, for rabbit@ctl1 has the alarm disk:
      `salt ctl1 openstack_ha_rabbitmq.status`
  - cmp1: no dnsmasq serves br101, and 2 machines are on it;
      `salt cmp1 cmd.run 'systemctl restart nova-network'` makes it again"""
    )


def test_a_refusal_shows_its_way_out(table):
    way_out = "docs/runbooks/lost-node.md: `salt-run openstack_ha_galera.recover demo node=ctl1`"
    refused = {**WORD, "verdict": "refuse", "why": "ctl3 did not answer", "way_out": way_out}
    records = {**SETTLED, "galera": {**SETTLED["galera"], "decision": refused}}
    shown = table(status.assess(CLUSTER, replies(), records, NOW))
    assert (f"  galera: refuse (for 0 s), ctl3 did not answer\n    {way_out}\n") in shown


def test_table_of_a_dead_cluster(table):
    found = replies()
    everywhere("galera", STOPPED)(found)
    everywhere("holds_vip", False)(found)
    found["cmp1"] = "no such function"
    assert table(status.assess(CLUSTER, found, NO_RECORD, NOW)) == (
        """\
demo is dead, VIP 172.29.80.100 on no controller

node  VIP  Galera   data  RabbitMQ     HAProxy  units
ctl1       stopped        running 3/3  2/2      3/3
ctl2       stopped        running 3/3  2/2      3/3
ctl3       stopped        running 3/3  2/2      3/3

node  nova-compute  machines  networks  units
cmp1  unknown                 unknown   unknown

decisions:
  galera: none
  rabbitmq: none

(units, HAProxy, disks, rings: how many of how many run, serve, are mounted, are there)

faults:
  - cmp1 answered no such function: `salt cmp1 saltutil.sync_all`
  - the VIP 172.29.80.100 was found on no controller:
      `salt -L ctl1,ctl2,ctl3 cmd.run 'journalctl -n 20 -u keepalived'`
  - Galera has no Primary component; the last decision is none, the master was never asked:
      `salt-run openstack_ha_coordinator.plan demo galera`
  - Galera of ctl1 is stopped: `salt-run openstack_ha_coordinator.plan demo galera`
  - Galera of ctl2 is stopped: `salt-run openstack_ha_coordinator.plan demo galera`
  - Galera of ctl3 is stopped: `salt-run openstack_ha_coordinator.plan demo galera`"""
    )


def test_an_api_that_one_node_does_not_serve_is_a_fault_by_the_holders_word():
    found = replies()
    for one in IDS:
        found[one]["haproxy"]["keystone"] = {"ctl1": True, "ctl2": False, "ctl3": True}
    assessed = status.assess(CLUSTER, found, SETTLED, NOW)
    assert (assessed["verdict"], assessed["faults"]) == (
        "degraded",
        [
            "keystone of ctl2 does not serve, as HAProxy of ctl1 finds: "
            "`salt ctl1 openstack_ha_haproxy.status`"
        ],
    )


def test_a_refusal_waits_for_a_person():
    word = {"verdict": "refuse", "nodes": ["ctl2"], "why": "ctl2 has keys", "way_out": "adopt"}
    records = {**SETTLED, "keystone": {"decision": word, "decided": 1}, "db_sync.glance": {}}
    assessed = status.assess(CLUSTER, replies(), records, NOW)
    assert assessed["faults"] == [
        "keystone: ctl2 has keys; adopt: `salt-run openstack_ha_coordinator.plan demo keystone`"
    ]
    assert assessed["decisions"]["db_sync.glance"] is None


def test_a_step_that_failed_is_told_with_its_reason():
    word = {"verdict": "renew", "nodes": ["ctl2"], "why": "older", "way_out": None}
    kept = {"decision": word, "decided": 1, "failures": {"ctl2": "it did not start"}}
    assessed = status.assess(CLUSTER, replies(), {**SETTLED, "turn.keystone": kept}, NOW)
    assert assessed["faults"] == [
        "turn.keystone: renew of ctl2 failed: it did not start: "
        "`salt-run openstack_ha_coordinator.plan demo turn`"
    ]


STORAGE = {
    "served": {"object": {"md5": "m", "version": 3}},
    "unready": None,
    "replicated": {"account": 20, "container": 200, "object": None},
    "unmounted": [],
    "used": {"sdb": 41, "sdc": 12},
    "nearly_full": 80,
    "errors": {},
    "audited": 5,
    "figures": {"object": {"md5": "m", "version": 3, "rebalanced_at": NOW - 60}},
}


@pytest.fixture
def with_storage():
    """The cluster with a storage node, and what all of its nodes say while all is well."""
    cluster = copy.deepcopy(CLUSTER)
    cluster["nodes"]["sto1"] = {"hostname": "sto1", "roles": ["storage"]}
    cluster["swift"] = {"owner": "sto1", "rings": ["object"], "auth": "keystone"}
    found = replies()
    servers = dict.fromkeys(("swift-object.service", "swift-drive-audit.timer"), "active")
    found["sto1"] = {
        "swift": copy.deepcopy(STORAGE),
        "units": {"swift.storage": servers},
        "rejoin": copy.deepcopy(found["ctl1"]["rejoin"]),
    }
    return cluster, found


def told(cluster, found, records=SETTLED, now=NOW, keys=None):
    return status.assess(cluster, found, records, now, keys)


def test_a_storage_node_has_its_rings_disks_and_units(with_storage, table):
    data = told(*with_storage)
    assert (data["verdict"], data["faults"]) == ("healthy", [])
    shown = table(data)
    assert "node  disks           rings  last replication  units\n" in shown
    assert "sto1  2/2, 41 % full  1/1    3 min 20 s ago    2/2\n" in shown


def test_storage_nodes_stand_in_the_order_of_the_cluster_file(with_storage):
    cluster, found = with_storage
    cluster["nodes"]["sto2"] = {"hostname": "sto2", "roles": ["storage"]}
    found = {"sto2": copy.deepcopy(found["sto1"]), **found}
    assert list(told(cluster, found)["storage"]) == ["sto1", "sto2"]


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (
            "sto1.units.swift.storage/swift-object.service",
            "inactive",
            "swift.storage of sto1 lacks swift-object (inactive): "
            "`salt sto1 cmd.run 'systemctl start swift-object'`",
        ),
        (
            "sto1.units.swift.storage/swift-drive-audit.timer",
            "failed",
            "swift.storage of sto1 lacks swift-drive-audit.timer (failed): "
            "`salt sto1 cmd.run 'systemctl start swift-drive-audit.timer'`",
        ),
        (
            "ctl2.units.health/health.socket",
            "missing",
            "health of ctl2 lacks health.socket (missing): "
            "`salt ctl2 cmd.run 'systemctl start health.socket'`",
        ),
    ],
)
def test_a_unit_that_does_not_run_is_named_although_all_serves(with_storage, path, value, line):
    cluster, found = with_storage
    place, _, unit = path.partition("/")
    node, _, part = place.partition(".units.")
    found[node]["units"][part][unit] = value
    data = told(cluster, found)
    assert (data["verdict"], data["faults"]) == ("degraded", [line])
    assert data["retcode"] == 1


def test_a_disk_that_is_not_mounted_is_named(with_storage):
    cluster, found = with_storage
    found["sto1"]["swift"]["unmounted"] = ["sdd"]
    assert told(cluster, found)["faults"] == [
        "sto1: sdd is not mounted: `salt-run openstack_ha_swift.status demo`"
    ]


@pytest.mark.parametrize("key", ["pending", "rejected", "denied", "absent"])
def test_a_node_without_an_accepted_key_is_told_with_its_command(with_storage, key):
    cluster, found = with_storage
    del found["sto1"]
    data = told(cluster, found, keys={"sto1": key})
    (line,) = [one for one in data["faults"] if one.startswith("sto1 did not answer")]
    assert "salt-key" in line and "sto1" in line.partition("salt-key")[2]
    assert "systemctl status" not in line


def test_what_is_under_way_is_no_fault(with_storage):
    cluster, found = with_storage
    found["sto1"]["rejoin"]["is_applying"] = True
    found["sto1"]["units"]["swift.storage"]["swift-object.service"] = "activating"
    word = {**WORD, "verdict": "join", "nodes": ["ctl3"], "why": "ctl3 waits"}
    records = {**SETTLED, "galera": {"decision": word, "decided": NOW - 90}}
    data = told(cluster, found, records)
    assert (data["verdict"], data["faults"]) == ("healthy", [])
    assert data["progress"] == [
        "sto1: a state run is at work",
        "sto1: swift-object.service is activating",
        "galera: join of ctl3 for 1 min 30 s: ctl3 waits",
    ]


def test_a_member_on_its_way_is_progress_and_the_cluster_not_whole(with_storage):
    cluster, found = with_storage
    found["ctl3"]["galera"]["wsrep"]["local_state_comment"] = "Joiner"
    data = told(cluster, found)
    assert (data["verdict"], data["faults"]) == ("degraded", [])
    assert data["progress"] == ["Galera of ctl3 is Joiner"]


def test_a_node_without_a_whole_highstate_is_one_fault(with_storage):
    cluster, found = with_storage
    found["sto1"]["rejoin"]["is_deployed"] = False
    found["sto1"]["units"]["swift.storage"]["swift-object.service"] = "missing"
    assert told(cluster, found)["faults"] == [
        "sto1 has had no whole highstate: `salt sto1 state.highstate`"
    ]


def test_decisions_that_nobody_looks_at_are_old(table):
    records = {key: {**one, "looked": NOW} for key, one in SETTLED.items()}
    assert told(CLUSTER, replies(), records, NOW + 299)["faults"] == []
    data = told(CLUSTER, replies(), records, NOW + 720)
    (line,) = data["faults"]
    assert line.startswith("nobody has looked after demo for 12 min,")
    assert "`systemctl restart salt-master`" in line
    assert "galera: settled (for 11 min 59 s, last looked at 12 min ago), every" in table(data)


def test_everything_fits_a_hundred_columns(with_storage, table):
    cluster, found = with_storage
    found["ctl1"]["haproxy"] |= {f"row{one}": dict.fromkeys(IDS, False) for one in range(9)}
    found["sto1"]["units"]["swift.storage"]["swift-object.service"] = "failed"
    why = "a reason of very many words " * 12
    records = {**SETTLED, "galera": {"decision": {**WORD, "why": why}, "decided": NOW}}
    lines = table(told(cluster, found, records)).splitlines()
    # But for a command that is longer, which stays whole.
    assert [line for line in lines if len(line) > 100 and not line.lstrip().startswith("`")] == []
