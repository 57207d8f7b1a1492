"""Keystone's configuration as data."""

import openstack_ha_cluster
import openstack_ha_keystone as keystone
import openstack_ha_options
import pytest
from support import example


@pytest.fixture
def view():
    cluster = openstack_ha_cluster.complete(example())
    seen = openstack_ha_cluster.view(cluster, "ctl2")
    return {
        **seen,
        "self": {"id": "ctl2", **seen["nodes"]["ctl2"]},
        "controllers": openstack_ha_cluster.controllers(seen),
    }


def test_the_service_goes_by_the_vip_and_the_command_beside_it(view):
    files = keystone.files(view, 4)
    by_vip = files["keystone.conf"]["database"]["connection"]
    beside = files["openstack_ha-local.conf"]["database"]["connection"]
    assert by_vip[2].startswith("@172.29.80.100:3306/keystone?")
    assert beside[2].startswith("@172.29.80.12:3306/keystone?")
    assert by_vip[1] == {"secret": "galera:accounts:keystone"}


def test_it_listens_on_the_nodes_own_address_only(view):
    uwsgi = keystone.files(view, 4)["openstack_ha-uwsgi.ini"]["uwsgi"]
    assert uwsgi["http-socket"] == "172.29.80.12:5000"


def test_options_of_the_pillar_come_last(view):
    view["keystone"]["options"] = {"token": {"expiration": 60}, "ldap": {"url": "ldap://x"}}
    server = keystone.files(view, 4)["keystone.conf"]
    assert server["token"]["expiration"] == 60
    assert server["token"]["provider"] == "fernet"
    assert server["ldap"] == {"url": "ldap://x"}


@pytest.mark.parametrize(("chosen", "cores", "found"), [("auto", 1, 2), ("auto", 64, 8), (3, 1, 3)])
def test_processes_by_cores(chosen, cores, found):
    assert openstack_ha_options.processes(chosen, cores) == found


def test_no_key_of_the_masters_is_dropped_by_keystones_own_limit(view):
    """More keys than a day's rotations within the life of a token can make."""
    view["keystone"].update(rotation_hours=1, token_expiration=86400)
    limit = keystone.files(view, 4)["keystone.conf"]["fernet_tokens"]["max_active_keys"]
    assert limit >= 24 + 48 + 3
