"""nova-network's module and states: what is asked and run, and what a state shows in both modes."""

import json

import openstack_ha_nova_network as utils_module
import openstack_ha_nova_network_changes as plan
import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError
from test_nova_network import WHOLE, network, pool, section, there

NAME = "openstack_ha_nova_network"
LINK = {"ifname": "eth1", "flags": ["BROADCAST", "UP"], "addr_info": []}
LOCAL = {"local": "fe80::1", "prefixlen": 64, "scope": "link"}
ADDRESS = {"local": "192.0.2.5", "prefixlen": 24, "scope": "global"}
ROWS = {
    "networks": [
        [1, "private", "10.20.0.0/24", "10.20.0.1", "8.8.4.4"] + 3 * [None] + ["br100", 1]
    ],
    "fixed_ips": [[1, 0, 0]],
    "floating_ips": [["public", f"192.0.2.{last}", 0] for last in range(65, 79)],
}


@pytest.fixture
def module(tmp_path):
    found = load("_modules", NAME, __utils__=utils(), __opts__={"id": "cmp1"})
    found.rows, found.managed, found.outputs = dict(ROWS), [], {}
    found.own = section()
    view = {"nova_network": found.own, "self": {"interface": "eth0"}}

    def rows(statement):
        (table,) = [name for name in ROWS if f"nova.{name} " in statement]
        return found.rows[table]

    def run(argv, **options):
        assert options == {"python_shell": False}
        output = found.outputs.get(" ".join(argv), "[]")
        failed = output is None
        return {"retcode": int(failed), "stdout": output or "", "stderr": "it failed\n"}

    found.__salt__ = {
        "openstack_ha.view": lambda: view,
        "openstack_ha_db_sync.is_ready": lambda service: found.is_ready,
        "openstack_ha_db_sync.rows": rows,
        "openstack_ha_db_sync.manage": lambda *arguments: found.managed.append(arguments),
        "openstack_ha_db_sync.pending": lambda service: "nothing",
        "cmd.run_all": run,
    }
    found.FOLDER = tmp_path
    return found


@pytest.mark.parametrize("table", ROWS)
def test_a_database_that_does_not_answer_is_not_empty(module, table):
    module.rows[table] = None
    assert module.changes() is None


def test_what_is_there_is_compared_with_this_nodes_pillar(module):
    assert module.changes() == []
    module.rows["floating_ips"] = []
    assert [one["verdict"] for one in module.changes()] == ["create_floating"]


def test_evidence_is_whole_or_unknown(module):
    module.is_ready = False
    assert module.evidence() == {"is_ready": False, "pending": None, **WHOLE}
    module.is_ready = True
    assert module.evidence() == {"is_ready": True, "pending": "nothing", **WHOLE}
    module.rows["fixed_ips"] = None
    assert module.evidence() == {
        "is_ready": True,
        "pending": "nothing",
        "networks": None,
        "floating": None,
    }


def test_a_step_is_novas_own_command(module):
    own = plan.changes(section(), there())[0]["arguments"]
    assert module.create_network(**own) == {"created": "private"}
    module.create_floating("public", ["192.0.2.64/28", "192.0.2.90"])
    module.remove_network("10.30.0.0/24", None)
    assert [words for _, words, _ in module.managed] == [
        utils_module.create_arguments(own["network"]),
        ["floating", "create", "--ip_range", "192.0.2.64/28", "--pool", "public"],
        ["floating", "create", "--ip_range", "192.0.2.90", "--pool", "public"],
        ["network", "delete", "--fixed_range", "10.30.0.0/24"],
    ]
    assert {service for service, _, _ in module.managed} == {"nova"}


def test_a_projects_network_is_everybodys_before_it_goes(module):
    module.remove_network("10.30.0.0/24", 32 * "a")
    assert [words[1] for _, words, _ in module.managed] == ["modify", "delete"]


def test_an_address_that_somebody_has_by_now_stays(module):
    module.remove_floating(["192.0.2.65"])
    assert [words for _, words, _ in module.managed] == [
        ["floating", "delete", "--ip_range", "192.0.2.65"]
    ]
    module.rows["floating_ips"] = [["public", "192.0.2.66", 1]]
    with pytest.raises(CommandExecutionError, match="somebody has 192.0.2.66"):
        module.remove_floating(["192.0.2.64/29"])
    module.rows["floating_ips"] = None
    with pytest.raises(CommandExecutionError, match="the database does not answer"):
        module.remove_floating(["192.0.2.64/29"])
    assert len(module.managed) == 1


def links(module, **more):
    module.outputs["ip -json address show"] = json.dumps([{**LINK, **more}])
    return module.interface_faults("eth1")


def test_an_interface_without_anything_is_free(module):
    assert links(module) == []
    assert links(module, addr_info=[LOCAL]) == []
    assert links(module, master="br100") == []


FAULTS = {
    "an address": (
        {"addr_info": [LOCAL, ADDRESS]},
        "eth1 of cmp1 has the address 192.0.2.5/24, and what joins a bridge has none: `ip address "
        "del 192.0.2.5/24 dev eth1` there takes it away, and take it out of the configuration of "
        "cmp1's network, else it is back at boot; or name another in nova_network:interface",
    ),
    "down": (
        {"flags": ["BROADCAST"]},
        "eth1 of cmp1 is down: `ip link set eth1 up` there, and have its network's configuration "
        "do that at boot",
    ),
    "another bridge": (
        {"master": "docker0"},
        "eth1 of cmp1 is a port of docker0, and may be one of br100 alone: `ip link set eth1 "
        "nomaster` there frees it",
    ),
}


@pytest.mark.parametrize(("link", "fault"), FAULTS.values(), ids=FAULTS)
def test_an_interface_is_refused_by_name(module, link, fault):
    assert links(module, **link) == [fault]


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_a_default_route_is_refused(module, family):
    route = [{"dst": "default", "gateway": "192.0.2.1", "dev": "lo"}]
    module.outputs[f"ip -json {family} route show default dev eth1"] = json.dumps(route)
    (fault,) = links(module)
    assert "eth1 of cmp1 has the default route via 192.0.2.1" in fault
    assert "`ip route del default via 192.0.2.1 dev eth1`" in fault


def test_with_vlans_the_interface_is_of_no_bridge(module):
    module.own["manager"] = "vlan"
    assert "may be one of no bridge" in links(module, master="br100")[0]


def test_an_interface_that_is_not_there_is_named(module):
    module.outputs["ip -json address show"] = json.dumps([LINK, {**LINK, "ifname": "eth0"}])
    assert module.interface_faults("eth7") == [
        "cmp1 has no interface eth7; it has eth0, eth1: name one without an address in "
        "nova_network:interface"
    ]


def test_a_command_that_fails_is_named(module):
    module.outputs["ip -json address show"] = None
    with pytest.raises(CommandExecutionError, match="`ip -json address show` on cmp1"):
        module.interface_faults("eth1")


NAT = """-P PREROUTING ACCEPT
-N nova-network-PREROUTING
-A PREROUTING -j nova-network-PREROUTING
-A nova-network-PREROUTING -d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j DNAT \
--to-destination 172.29.80.21:8775
-A nova-network-PREROUTING -d 192.0.2.66/32 -j DNAT --to-destination 10.20.0.26
"""
JUDGE = "openstack_ha_nova_network_node.node_faults"


@pytest.fixture
def machines(module):
    """A node with two machines, one of them with a floating address."""
    (module.FOLDER / "nova-br100.conf").write_text("aa,vm1,10.20.0.25\nbb,vm2,10.20.0.26\n")
    module.outputs["iptables -w -t nat -S"] = NAT
    there = [
        {"ifname": "eth0", "addr_info": [{**ADDRESS, "local": "192.0.2.66"}]},
        {"ifname": "br100", "addr_info": [LOCAL, {**ADDRESS, "local": "10.20.0.3"}]},
    ]
    module.outputs["ip -json address show"] = json.dumps(there)
    return module


def test_what_a_compute_node_has_of_its_networks(machines):
    found = machines.node_status()
    assert found["bridges"] == {
        "br100": {"machines": 2, "addresses": ["10.20.0.3"], "is_serving": False}
    }
    assert found["public"] == ["192.0.2.66"]
    assert len(found["nat"]) == 2
    (fault,) = utils()[JUDGE](found, "cmp1")
    assert fault == (
        "cmp1: no dnsmasq serves br100, and 2 machines are on it; `salt cmp1 cmd.run 'systemctl "
        "restart nova-network'` makes it again"
    )


def test_a_dnsmasq_is_told_from_another_process_of_its_number(machines):
    (machines.FOLDER / "nova-br100.pid").write_text("1\n")
    assert machines.node_status()["bridges"]["br100"]["is_serving"] is False
    (machines.FOLDER / "nova-br100.pid").write_text("999999999\n")
    assert machines.node_status()["bridges"]["br100"]["is_serving"] is False


def status(**more):
    bridge = {"machines": 2, "addresses": ["10.20.0.3"], "is_serving": True}
    rules = [line for line in NAT.splitlines() if line.startswith("-A nova-network-")]
    found = {"bridges": {"br100": bridge}, "nat": rules, "public": ["192.0.2.66"]}
    return {**found, **more}


NODE = {
    "all is there": (status(), []),
    "no machines": (
        status(bridges={"br100": {"machines": 0, "addresses": None, "is_serving": False}}, nat=[]),
        [],
    ),
    "no bridge": (
        status(bridges={"br100": {"machines": 1, "addresses": None, "is_serving": True}}),
        ["there is no bridge br100"],
    ),
    "no address": (
        status(bridges={"br100": {"machines": 1, "addresses": [], "is_serving": True}}),
        ["the bridge br100 has no address"],
    ),
    "no metadata": (status(nat=[]), ["no rule leads machines to their metadata"]),
    "no floating address": (
        status(public=[]),
        ["the floating address 192.0.2.66 of 10.20.0.26 is on no interface that is public"],
    ),
}


@pytest.mark.parametrize(("found", "faults"), NODE.values(), ids=NODE)
def test_each_fault_of_a_compute_node_is_named_with_what_mends_it(found, faults):
    lines = utils()[JUDGE](found, "cmp1")
    assert len(lines) == len(faults)
    for line, fault in zip(lines, faults, strict=True):
        assert line.startswith(f"cmp1: {fault}")
        assert "`salt cmp1 cmd.run 'systemctl restart nova-network'`" in line


@pytest.fixture
def state():
    """The states of a node whose changes are ``answers``, one after another."""
    found = load("_states", NAME, __utils__=utils(), __opts__={"test": False})
    found.answers, found.refusal = [], None

    def wait(cluster, system, lacking, patience):
        assert (cluster, system, patience) == ("demo", "nova_network", 30)
        assert lacking()
        return found.refusal

    found.__salt__ = {
        f"{NAME}.changes": lambda: (
            found.answers.pop(0) if len(found.answers) > 1 else found.answers[0]
        ),
        f"{NAME}.interface_faults": lambda name: found.answers[0],
        "openstack_ha_word.wait": wait,
    }
    return found


SOME = plan.changes(section(), there())
SHOWN = plan.shown(SOME)


def test_a_state_shows_the_same_in_both_modes(state):
    state.answers = [SOME]
    done = state.networks_present("demo", 30)
    assert (done["result"], done["changes"]) == (True, SHOWN)
    state.__opts__["test"] = True
    told = state.networks_present("demo", 30)
    assert (told["result"], told["changes"]) == (None, SHOWN)
    state.answers = [[]]
    for test in (True, False):
        state.__opts__["test"] = test
        again = state.networks_present("demo", 30)
        assert (again["result"], again["changes"]) == (True, {})


def test_a_refusal_shows_what_was_done_before_it(state):
    found = there(network("old", "10.30.0.0/24", machines=1), public=pool())
    some = plan.changes(section(), found)
    state.answers, state.refusal = [some, some, some[1:]], "The master refused: x."
    ret = state.networks_present("demo", 30)
    assert (ret["result"], ret["comment"]) == (False, "The master refused: x.")
    assert ret["changes"] == {"network private": {"old": "absent", "new": "10.20.0.0/24"}}


def test_a_database_that_does_not_answer_is_waited_for_and_never_empty(state):
    state.answers, state.refusal = [None], "After 30 s the database does not answer"
    ret = state.networks_present("demo", 30)
    assert (ret["result"], ret["changes"]) == (False, {})
    state.__opts__["test"] = True
    ret = state.networks_present("demo", 30)
    assert ret["result"] is None
    assert ret["changes"]["networks"]["old"] == "the database does not answer"


def test_an_interface_is_free_or_refused_in_both_modes(state):
    for test in (True, False):
        state.__opts__["test"] = test
        state.answers = [[]]
        assert state.interface_free("eth1")["result"] is True
        state.answers = [["one", "two"]]
        ret = state.interface_free("eth1")
        assert (ret["result"], ret["changes"], ret["comment"]) == (False, {}, "one\ntwo")
