"""A controller without Galera, as its users and its second highstate see it."""

import pytest

from lab.highstate import changes, failures
from lab.summary import addresses
from lab.waiting import wait_for


@pytest.fixture(scope="module")
def view(salt_call):
    return salt_call("openstack_ha.view")


@pytest.fixture(scope="module")
def vip(host, view):
    """The VIP's address, once the node holds it."""
    address = view["vip"]["address"]

    def is_here():
        return address in addresses(host.check_output("ip -o -4 address"))

    wait_for(is_here, 30, f"the VIP {address}")
    return address


@pytest.fixture
def http_status(host):
    """Return a function that asks for a page and returns the answer's status."""

    def ask(url):
        return host.check_output(f"curl -s -o /dev/null -w '%{{http_code}}' --max-time 5 {url}")

    return ask


@pytest.mark.parametrize(
    "name", ["rabbitmq-server", "openstack-ha-health", "haproxy", "keepalived"]
)
def test_services_run_now_and_at_the_next_boot(host, name):
    service = host.service(name)
    assert (service.is_running, service.is_enabled) == (True, True)


def test_a_database_that_the_master_did_not_order_is_not_there(host):
    assert not host.service("mariadb").is_running


def test_names_need_no_resolver(host, view):
    assert host.addr(view["vip"]["fqdn"]).ipv4_addresses == [view["vip"]["address"]]
    assert host.addr("ctl1").ipv4_addresses == [view["self"]["address"]]


def test_haproxy_answers_on_the_vip(vip, http_status):
    assert http_status(f"http://{vip}:8404/health") == "200"


def test_clients_reach_the_broker_through_the_vip(host, vip):
    hello = r"printf 'AMQP\0\0\011\001'"
    assert "RabbitMQ" in host.check_output(
        f"{hello} | timeout 5 socat -t 2 - TCP:{vip}:5672 | grep -ao RabbitMQ"
    )


def test_the_brokers_user_has_the_pillars_password(host):
    login = "rabbitmqctl authenticate_user openstack"
    assert host.run(f"{login} kitchen-rabbitmq-openstack").rc == 0
    assert host.run(f"{login} wrong").rc != 0


def test_health_tells_the_server_that_serves_from_the_one_that_does_not(view, http_status):
    address = view["self"]["address"]
    assert http_status(f"http://{address}:9201/") == "200"
    assert http_status(f"http://{address}:9200/") == "503"


@pytest.mark.parametrize(
    "path",
    [
        "/etc/haproxy/openstack_ha.cfg",
        "/etc/openstack-ha-health/galera",
        "/etc/openstack-ha-health/rabbitmq",
        "/var/lib/rabbitmq/.erlang.cookie",
    ],
)
def test_secrets_are_nobody_elses_to_read(host, path):
    assert host.file(path).mode & 0o007 == 0


def test_a_second_highstate_changes_nothing(salt_call):
    returns = {"ctl1": salt_call("state.highstate")}
    assert failures(returns, ["ctl1"]) == {}
    assert changes(returns) == {}
    assert returns["ctl1"]
