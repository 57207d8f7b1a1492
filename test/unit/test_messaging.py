"""How services send each other messages, and who of them RabbitMQ knows."""

import openstack_ha_cluster
import openstack_ha_messaging as messaging
import openstack_ha_rabbitmq as rabbitmq
import openstack_ha_secrets
import pytest
import yaml
from support import ROOT, example

CONTROLLERS = ["172.29.80.11", "172.29.80.12", "172.29.80.13"]
PATH = ("rabbitmq", "users", "nova")


def cluster(provider="nova_network"):
    wanted = example()
    wanted["network"]["provider"] = provider
    whole = openstack_ha_cluster.complete(wanted)
    if provider is None:
        del whole["network"]["provider"]
    return whole


def view(minion_id="cmp1", **rabbitmq_options):
    seen = openstack_ha_cluster.view(cluster(), minion_id)
    seen["rabbitmq"] = {**seen["rabbitmq"], **rabbitmq_options}
    return {**seen, "controllers": openstack_ha_cluster.controllers(seen)}


def shown(value):
    return "".join(one if isinstance(one, str) else f"<{one['secret']}>" for one in value)


def test_a_service_reaches_the_brokers_through_the_vip():
    url = messaging.transport_url(view(), "nova")
    assert shown(url) == "rabbit://nova:<rabbitmq:users:nova>@172.29.80.100:5672/"


def test_or_each_of_them_by_its_own_address():
    url = messaging.transport_url(view(access="direct", port=5673), "nova")
    hosts = [f"nova:<rabbitmq:users:nova>@{address}:5673" for address in CONTROLLERS]
    assert shown(url) == f"rabbit://{','.join(hosts)}/"


def test_an_ipv6_address_is_in_brackets():
    seen = {**view(), "vip": {"address": "fd00::100"}}
    assert shown(messaging.transport_url(seen, "nova")).endswith("@[fd00::100]:5672/")


def test_a_silent_broker_is_noticed_within_23_seconds_and_no_false_alarm_is_asked_for():
    found = messaging.options(view())
    beat, rate = found["heartbeat_timeout_threshold"], found["heartbeat_rate"]
    # As amqp and oslo.messaging do: ended after two of them, at the next look.
    assert 2 * beat + beat / rate / 2 < 23
    assert beat >= 5


@pytest.mark.parametrize(
    ("queues", "series", "is_quorum"),
    [("auto", "3.10", False), ("mirrored", "3.10", False), ("quorum", "3.10", True)]
    + [("auto", "4.0", True)],
)
def test_services_declare_the_queues_that_the_brokers_are_set_up_for(queues, series, is_quorum):
    seen = view(queues=queues)
    found = messaging.options(seen, series)
    assert found.get("rabbit_quorum_queue", False) is is_quorum
    assert is_quorum == (rabbitmq.queue_type(queues, series, seen["release"]) == "quorum")


def test_the_series_is_that_of_the_parameters():
    path = ROOT / "openstack_ha/parameters/Debian-12.yaml"
    parameters = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert parameters["rabbitmq"]["series"] == messaging.SERIES


def test_a_services_user_follows_from_where_it_runs():
    systems = openstack_ha_cluster.all_systems(cluster())
    assert messaging.users(systems) == ["nova"]
    assert PATH in openstack_ha_secrets.needed(cluster(), systems)
    without = openstack_ha_cluster.all_systems(cluster(None))
    assert messaging.users(without) == []
    assert PATH not in openstack_ha_secrets.needed(cluster(None), without)


@pytest.mark.parametrize("node", ["ctl1", "cmp1"])
def test_who_sends_messages_needs_its_password_and_who_serves_them(node):
    systems = openstack_ha_cluster.systems(cluster(), node)
    assert PATH in openstack_ha_secrets.needed(cluster(), systems)


def test_a_compute_node_sees_no_other_password_of_a_broker_and_none_of_the_database():
    whole = {**cluster(), "secrets": openstack_ha_secrets.generate(cluster(), everything())}
    secrets = openstack_ha_cluster.view(whole, "cmp1")["secrets"]
    assert {key: list(one.get("users", one)) for key, one in secrets.items()} == {
        "rabbitmq": ["nova"],
        "keystone": ["nova"],
        "nova": ["migration_key"],
    }


def test_a_made_up_secret_is_there_for_the_account_and_the_user():
    made = openstack_ha_secrets.generate(cluster(), everything())
    assert made["galera"]["accounts"]["nova"]
    assert made["rabbitmq"]["users"]["nova"]


def everything():
    return openstack_ha_cluster.all_systems(cluster())
