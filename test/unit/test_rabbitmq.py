"""RabbitMQ as data: what the states decide by, without a broker."""

import copy
import json

import openstack_ha_rabbitmq as rabbitmq
import pytest
from hypothesis import given
from hypothesis import strategies as st

PASSWORDS = {"openstack": "openstack-secret", "health": "health-secret"}
SALTS = dict.fromkeys(PASSWORDS, b"salt")
OPTIONS = {
    "vhosts": ["/", "nova"],
    "users": {
        "openstack": {
            "tags": [],
            "vhosts": {"/": {"configure": ".*", "write": ".*", "read": ".*"}},
        }
    },
    "policies": {
        "expire": {
            "vhost": "/",
            "pattern": "^old",
            "definition": {"expires": 3600000},
            "priority": 1,
            "apply_to": "queues",
        }
    },
}
NODES = ["rabbit@ctl1", "rabbit@ctl2", "rabbit@ctl3"]


def cluster_status(**changed):
    """What a broker of 3.10 answers."""
    listeners = [
        {"interface": "::", "port": 15672, "protocol": "http"},
        {"interface": "10.0.0.1", "port": 5672, "protocol": "amqp"},
    ]
    version = {"erlang_version": "25.2.3", "rabbitmq_version": "3.10.8"}
    status = {
        "alarms": [],
        "cluster_name": "demo",
        "disk_nodes": NODES[::-1],
        "listeners": dict.fromkeys(NODES, listeners),
        "maintenance_status": dict.fromkeys(NODES, "regular"),
        "partitions": {},
        "ram_nodes": [],
        "running_nodes": NODES[::-1],
        "versions": dict.fromkeys(NODES, version),
    }
    return {**status, **changed}


def parsed(**changed):
    return rabbitmq.parse_status(cluster_status(**changed), NODES[0])


def desired(queues="mirrored", options=OPTIONS):
    return rabbitmq.desired_definitions(options, 3, queues)


def test_a_service_of_the_formula_may_do_all_on_the_vhost_where_it_meets_the_others():
    found = rabbitmq.desired_definitions(OPTIONS, 3, "mirrored", ["nova"])
    assert {"name": "nova", "tags": []} in found["users"]
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    assert {"user": "nova", "vhost": "/", **rights} in found["permissions"]
    assert "nova" not in [user["name"] for user in desired()["users"]]


def served(definitions):
    """The definitions as a broker exports them after their import."""
    found = {"rabbit_version": "3.10.8", "queues": [], **copy.deepcopy(definitions)}
    return rabbitmq.with_hashes(found, PASSWORDS, SALTS)


@pytest.mark.parametrize(
    ("wanted", "version", "release", "found"),
    [
        ("auto", "3.10.8", "zed", "mirrored"),
        ("auto", "3.10", "bobcat", "mirrored"),
        ("auto", "3.10.8", "caracal", "quorum"),
        ("auto", "4.0.5", "epoxy", "quorum"),
        ("auto", "4.0.5", "zed", "quorum"),
        ("mirrored", "3.13.7", "epoxy", "mirrored"),
        ("quorum", "3.10.8", "zed", "quorum"),
        ("quorum", "4.0.5", "epoxy", "quorum"),
    ],
)
def test_queue_type(wanted, version, release, found):
    assert rabbitmq.queue_type(wanted, version, release) == found


@pytest.mark.parametrize(
    ("wanted", "version", "release", "text"),
    [
        ("mirrored", "4.0.5", "epoxy", "mirrors no classic queues any more"),
        ("quorum", "3.10.8", "xena", "declares no quorum queues"),
        ("auto", "4.0.5", "xena", "declares no quorum queues"),
        ("auto", "3.10.8", "grizzly", "'grizzly' is unknown"),
    ],
)
def test_queue_type_refuses_with_a_way_out(wanted, version, release, text):
    with pytest.raises(ValueError, match=text):
        rabbitmq.queue_type(wanted, version, release)


def test_password_hash_is_rabbitmqs():
    # The example in https://www.rabbitmq.com/docs/passwords: "test12" with the salt 908DC60A.
    hashed = rabbitmq.hash_password("test12", bytes.fromhex("908DC60A"))
    assert hashed == "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"


@given(st.text(), st.binary(min_size=4, max_size=4), st.text())
def test_a_hash_matches_its_password_only(password, salt, other):
    hashed = rabbitmq.hash_password(password, salt)
    assert rabbitmq.password_matches(password, hashed)
    assert rabbitmq.password_matches(other, hashed) == (other == password)


@given(st.one_of(st.none(), st.text()))
def test_anything_else_matches_no_password(hashed):
    assert not rabbitmq.password_matches("openstack-secret", hashed)


def test_a_host_without_a_broker_lacks_everything_but_guest():
    found = rabbitmq.definitions_diff({}, desired(), PASSWORDS)
    assert found["set"] == desired()
    assert found["delete"] == {"users": [], "policies": []}
    assert all(change["old"] is None for change in found["changes"].values())
    assert "user health" in found["changes"]


@pytest.mark.parametrize("queues", ["mirrored", "quorum"])
def test_what_was_imported_differs_in_nothing(queues):
    found = rabbitmq.definitions_diff(served(desired(queues)), desired(queues), PASSWORDS)
    assert found == {"set": {}, "delete": {"users": [], "policies": []}, "changes": {}}


def test_a_fresh_broker_loses_guest():
    guest = {"name": "guest", "password_hash": "x", "tags": ["administrator"]}
    current = {"users": [guest], "vhosts": [{"name": "/"}]}
    found = rabbitmq.definitions_diff(current, desired(), PASSWORDS)
    assert found["delete"]["users"] == ["guest"]
    assert "password_hash" not in json.dumps(found)
    assert found["changes"]["user guest"]["new"] is None


def test_foreign_things_stay():
    current = served(desired())
    current["users"].append({"name": "monitor", "password_hash": "", "tags": ["monitoring"]})
    current["policies"].append({"vhost": "/", "name": "theirs", "pattern": "x", "definition": {}})
    current["vhosts"].append({"name": "theirs"})
    assert not rabbitmq.definitions_diff(current, desired(), PASSWORDS)["changes"]


def test_the_mirrored_policy_goes_with_quorum_queues():
    found = rabbitmq.definitions_diff(served(desired("mirrored")), desired("quorum"), PASSWORDS)
    gone = [(policy["vhost"], policy["name"]) for policy in found["delete"]["policies"]]
    assert gone == [("/", "openstack_ha_mirrored"), ("nova", "openstack_ha_mirrored")]
    assert not found["set"]


@pytest.mark.parametrize(
    ("queue", "mirrored"),
    [
        ("conductor", True),
        ("scheduler.ctl1", True),
        ("reply_f3a1", False),
        ("scheduler_fanout_8d2c", False),
        ("amq.gen-x", False),
    ],
)
def test_the_mirrored_policy_is_for_queues_that_outlive_a_process(queue, mirrored):
    import re

    pattern = rabbitmq.mirrored_policy("/", 3)["pattern"]
    assert bool(re.match(pattern, queue)) == mirrored


@pytest.mark.parametrize(("controllers", "copies"), [(1, 1), (3, 2), (5, 3)])
def test_a_majority_of_brokers_holds_a_mirrored_queue(controllers, copies):
    policy = rabbitmq.mirrored_policy("/", controllers)
    assert policy["definition"]["ha-params"] == copies


@pytest.mark.parametrize(
    ("section", "entry", "changed"),
    [
        ("users", "openstack", {"tags": ["administrator"]}),
        ("users", "openstack", {"password_hash": rabbitmq.hash_password("other", b"abcd")}),
        ("users", "openstack", {"password_hash": ""}),
        ("policies", "expire", {"definition": {"expires": 1}}),
        ("policies", "expire", {"priority": 9}),
        ("policies", "openstack_ha_mirrored", {"definition": {"ha-mode": "all"}}),
    ],
)
def test_every_drift_is_seen_and_mended(section, entry, changed):
    current = served(desired())
    next(item for item in current[section] if item["name"] == entry).update(changed)
    found = rabbitmq.definitions_diff(current, desired(), PASSWORDS)
    assert len(found["changes"]) == 1
    assert [item["name"] for item in found["set"][section]] == [entry]


def test_a_permission_that_drifted_is_mended():
    current = served(desired())
    current["permissions"][0]["write"] = ".*"
    found = rabbitmq.definitions_diff(current, desired(), PASSWORDS)
    assert list(found["changes"]) == ["permission / health"]


def test_tags_may_be_one_text():
    current = served(desired())
    for user in current["users"]:
        user["tags"] = ",".join(user["tags"])
    assert not rabbitmq.definitions_diff(current, desired(), PASSWORDS)["changes"]


@given(st.dictionaries(st.sampled_from(sorted(PASSWORDS)), st.text(min_size=8), min_size=2))
def test_no_password_is_in_a_difference(passwords):
    passwords = {name: f"pass:{word}" for name, word in passwords.items()}
    for current in ({}, served(desired())):
        text = json.dumps(rabbitmq.definitions_diff(current, desired(), passwords))
        assert "pass:" not in text
        assert "password_hash" not in text


def test_status_is_typed_and_sorted():
    status = parsed()
    assert status["is_running"] is True
    assert status["running_nodes"] == status["disk_nodes"] == NODES
    assert status["version"] == "3.10.8"
    assert status["alarms"] == status["maintenance"] == []
    assert [entry["port"] for entry in status["listeners"][NODES[0]]] == [5672, 15672]


def test_a_name_that_starts_like_another_is_another():
    status = rabbitmq.parse_status(cluster_status(running_nodes=["rabbit@ctl10"]), "rabbit@ctl1")
    assert status["is_running"] is False


def test_status_tells_alarms_and_maintenance():
    alarm = {"node": NODES[1], "resource": "memory", "type": "resource_limit"}
    status = parsed(
        alarms=[alarm, {"node": NODES[0], "type": "file_descriptor_limit"}],
        maintenance_status={NODES[0]: "draining", NODES[1]: "regular"},
    )
    assert status["alarms"] == [
        {"node": NODES[0], "resource": "file_descriptor_limit"},
        {"node": NODES[1], "resource": "memory"},
    ]
    assert status["maintenance"] == [NODES[0]]


@pytest.mark.parametrize("found", ["", {}, [], None, True, {"running_nodes": NODES}])
def test_what_is_no_status_is_an_error(found):
    with pytest.raises(ValueError, match="no cluster status"):
        rabbitmq.parse_status(found, NODES[0])


def test_stopped_has_the_shape_of_running():
    stopped = rabbitmq.stopped_status(NODES[0])
    assert stopped["is_running"] is False
    assert set(stopped) == set(parsed())


def test_a_whole_cluster_has_no_fault():
    assert rabbitmq.membership_faults(parsed(), NODES[1:]) == []


def test_a_controller_that_does_not_run_is_no_fault():
    assert rabbitmq.membership_faults(parsed(running_nodes=NODES[:2]), [NODES[1]]) == []


def test_a_broker_with_its_own_cluster_is_a_fault():
    status = parsed(disk_nodes=NODES[:2], running_nodes=NODES[:2])
    faults = rabbitmq.membership_faults(status, NODES[1:])
    assert len(faults) == 1
    assert "rabbit@ctl3 runs, and is in another cluster than rabbit@ctl1" in faults[0]
    assert rabbitmq.foreign_clusters(status, NODES[1:]) == [NODES[2]]


def test_a_member_that_serves_unseen_is_a_fault():
    status = parsed(running_nodes=NODES[:1])
    faults = rabbitmq.membership_faults(status, [NODES[1]])
    assert faults == ["rabbit@ctl2 runs, but rabbit@ctl1 does not see it running"]
    assert rabbitmq.foreign_clusters(status, [NODES[1]]) == []


def test_a_partition_is_a_fault():
    faults = rabbitmq.membership_faults(parsed(partitions={NODES[0]: [NODES[2]]}), [])
    assert faults == ["rabbit@ctl1 is partitioned from rabbit@ctl3"]


@given(st.integers(1, 9), st.integers(0, 9))
def test_two_halves_never_both_form(controllers, reached):
    reached = min(reached, controllers)
    both = rabbitmq.may_form(controllers, reached) and rabbitmq.may_form(
        controllers, controllers - reached
    )
    assert not both
    assert rabbitmq.may_form(controllers, controllers)


@pytest.mark.parametrize(
    "text", ["[rabbit@ctl2,rabbit@ctl1].\n", "['rabbit@ctl1',\n 'rabbit@ctl2']."]
)
def test_who_ran_when_a_broker_stopped(text):
    assert rabbitmq.parse_running_at_shutdown(text) == ["rabbit@ctl1", "rabbit@ctl2"]
    assert rabbitmq.parse_running_at_shutdown("[].") == []


@pytest.mark.parametrize("text", ["", "[rabbit@ctl1]", "{[rabbit@ctl1],[rabbit@ctl1]}."])
def test_what_is_no_list_is_an_error(text):
    with pytest.raises(ValueError, match="no list"):
        rabbitmq.parse_running_at_shutdown(text)
