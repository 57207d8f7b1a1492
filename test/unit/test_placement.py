"""Placement's configuration as data."""

import openstack_ha_cluster
import openstack_ha_placement as placement
import pytest
from support import ROOT, example

APPLICATION = "openstack_ha-application.py"


@pytest.fixture
def files():
    cluster = openstack_ha_cluster.complete(example())
    seen = openstack_ha_cluster.view(cluster, "ctl2")
    own = {"id": "ctl2", **seen["nodes"]["ctl2"]}
    seen["placement"]["options"] = {
        "placement": {"randomize_allocation_candidates": True},
        "placement_database": {"max_overflow": 2},
    }
    controllers = openstack_ha_cluster.controllers(seen)
    return placement.files({**seen, "self": own, "controllers": controllers}, 4)


def test_options_of_the_pillar_come_last(files):
    config = files["placement.conf"]
    assert config["placement"] == {"randomize_allocation_candidates": True}
    assert config["placement_database"]["max_overflow"] == 2
    assert config["placement_database"]["max_pool_size"] == 8


def test_the_service_goes_by_the_vip_and_the_command_beside_it(files):
    """Placement reads no section ``database``."""
    assert "database" not in files["placement.conf"]
    by_vip = files["placement.conf"]["placement_database"]["connection"]
    beside = files["openstack_ha-local.conf"]["placement_database"]["connection"]
    assert by_vip[2].startswith("@172.29.80.100:3306/placement?")
    assert beside[2].startswith("@172.29.80.12:3306/placement?")
    assert by_vip[1] == beside[1] == {"secret": "galera:accounts:placement"}


def test_tokens_are_remembered_by_all_controllers_and_sealed(files):
    authtoken = files["placement.conf"]["keystone_authtoken"]
    assert authtoken["auth_url"] == "https://cloud.example.org:5000"
    assert authtoken["memcached_servers"].count(":11211") == 3
    assert authtoken["memcache_security_strategy"] == "ENCRYPT"
    assert authtoken["password"] == [{"secret": "keystone:users:placement"}]


def test_uwsgi_leaves_the_vips_port_to_haproxy_and_runs_the_application_that_is_there(files):
    uwsgi = files["openstack_ha-uwsgi.ini"]["uwsgi"]
    assert uwsgi["http-socket"] == "172.29.80.12:8778"
    assert uwsgi["wsgi-file"] == f"/etc/placement/{APPLICATION}"
    assert (ROOT / "openstack_ha/placement/files" / APPLICATION).is_file()
