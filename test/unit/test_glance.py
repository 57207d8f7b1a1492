"""Glance's configuration as data."""

import openstack_ha_cluster
import openstack_ha_glance as glance
import pytest
from support import example


def made(**options):
    cluster = openstack_ha_cluster.complete(example())
    seen = openstack_ha_cluster.view(cluster, "ctl2")
    own = {"id": "ctl2", **seen["nodes"]["ctl2"]}
    seen["glance"].update(options)
    controllers = openstack_ha_cluster.controllers(seen)
    return glance.files({**seen, "self": own, "controllers": controllers}, 4)


@pytest.fixture
def files():
    return made(options={"swift": {"swift_store_container": "images"}})


def test_images_are_objects_of_the_service_user_by_the_vip(files):
    store = files["glance-api.conf"]["swift"]
    assert store["swift_store_config_file"] == "/etc/glance/openstack_ha/swift.conf"
    account = files["swift.conf"][store["default_swift_reference"]]
    assert account["auth_address"] == "https://cloud.example.org:5000/v3"
    assert account["user"] == "service:glance"
    assert account["key"] == [{"secret": "keystone:users:glance"}]


def test_options_of_the_pillar_come_last(files):
    assert files["glance-api.conf"]["swift"]["swift_store_container"] == "images"


def test_the_service_goes_by_the_vip_and_the_command_beside_it(files):
    by_vip = files["glance-api.conf"]["database"]["connection"]
    beside = files["openstack_ha-local.conf"]["database"]["connection"]
    assert by_vip[2].startswith("@172.29.80.100:3306/glance?")
    assert beside[2].startswith("@172.29.80.12:3306/glance?")
    assert by_vip[1] == {"secret": "galera:accounts:glance"}


def test_tokens_are_remembered_by_all_controllers_and_sealed(files):
    authtoken = files["glance-api.conf"]["keystone_authtoken"]
    assert authtoken["memcached_servers"].count(":11211") == 3
    assert authtoken["memcache_security_strategy"] == "ENCRYPT"
    assert authtoken["password"] == [{"secret": "keystone:users:glance"}]


def test_every_part_of_the_pipeline_is_defined(files):
    paste = files["glance-api-paste.ini"]
    *filters, app = paste["pipeline:glance-api"]["pipeline"].split()
    assert {f"filter:{name}" for name in filters} | {f"composite:{app}"} <= set(paste)
    # HAProxy asks before anybody has a token.
    assert filters.index("healthcheck") < filters.index("authtoken")


def test_a_cache_is_in_the_pipeline_and_kept_to_its_size_where_the_pillar_wants_one(files):
    assert "cache" not in files["glance-api-paste.ini"]["pipeline:glance-api"]["pipeline"].split()
    assert "cron2" not in files["uwsgi.ini"]["uwsgi"]
    cached = made(cache_size=20)
    *_, context, cache, _app = cached["glance-api-paste.ini"]["pipeline:glance-api"][
        "pipeline"
    ].split()
    # Whether somebody may have an image is asked before.
    assert (context, cache) == ("context", "cache")
    assert cached["glance-api.conf"]["DEFAULT"]["image_cache_max_size"] == 20 * 10**9
    assert "glance-cache-pruner" in cached["uwsgi.ini"]["uwsgi"]["cron2"]
