"""Options that are secrets: they have a place of their own, and are in no view."""

import copy

import openstack_ha_cluster
import openstack_ha_keystone
import openstack_ha_reading
import openstack_ha_secret_options as secret_options
import openstack_ha_secrets
import openstack_ha_swift_conf
import pytest
from support import example

LDAP = "a secret of LDAP's: $$ and spaces"
ROOT = "a-root-secret-of-the-proxies"


@pytest.fixture
def cluster():
    cluster = example()
    cluster["nodes"]["prx1"] = {"address": "172.29.80.41", "roles": ["proxy"]}
    cluster["keystone"]["options"] = {"ldap": {"url": "ldap://10.0.0.1", "user": "cn=admin"}}
    cluster["secrets"]["keystone"]["options"] = {"ldap": {"password": LDAP}, "x": {"y": "z"}}
    keymaster = {"filter:keymaster": {"encryption_root_secret": ROOT}}
    cluster["secrets"]["swift"]["proxy"] = {"options": keymaster}
    return cluster


def seen(cluster, node):
    whole = openstack_ha_cluster.complete(cluster)
    return openstack_ha_cluster.view(whole, node)


def test_a_service_has_its_secret_options_in_its_file(cluster):
    assert openstack_ha_cluster.faults(cluster) == []
    view = openstack_ha_reading.view(openstack_ha_cluster.complete(cluster), "ctl1")
    file = openstack_ha_keystone.files(view, 4)["keystone.conf"]
    assert file["ldap"] == {
        "url": "ldap://10.0.0.1",
        "user": "cn=admin",
        "password": [{"secret": "keystone:options:ldap:password"}],
    }
    assert file["x"] == {"y": [{"secret": "keystone:options:x:y"}]}
    proxies = openstack_ha_cluster.nodes_with(view, "swift.proxy")
    found = openstack_ha_swift_conf.proxy_files(view, proxies)["proxy-server.conf"]
    path = "swift:proxy:options:filter:keymaster:encryption_root_secret"
    assert found["filter:keymaster"] == {"encryption_root_secret": [{"secret": path}]}
    assert openstack_ha_secrets.found(view["secrets"], path) == ROOT
    # What the file says with its secrets, which is what a comparison reads.
    read = openstack_ha_reading.read(view, "keystone")["keystone.conf"]
    assert read["ldap"]["password"] == [LDAP]


def test_no_option_is_a_secret_in_what_a_view_shows(cluster):
    view = secret_options.referred(seen(cluster, "ctl1"))
    secrets = view.pop("secrets")
    assert LDAP in secrets["keystone"]["options"]["ldap"].values()
    for secret in (LDAP, ROOT):
        assert repr(secret) not in repr(view)


def test_a_node_has_no_options_of_services_that_it_only_reads(cluster):
    """A proxy reads where Keystone is, and a compute node as well."""
    cluster["nova"] = {"options": {"DEFAULT": {"debug": True}}}
    for node in ("prx1", "cmp1"):
        view = seen(cluster, node)
        assert view["keystone"]["port"] == 5000
        assert "options" not in view["keystone"]
        assert "ldap" not in repr(view)
        assert openstack_ha_cluster.view(view, node) == view
        assert openstack_ha_cluster.faults(view, node) == []
    assert seen(cluster, "cmp1")["nova"]["options"]
    assert seen(cluster, "ctl1")["keystone"]["options"]
    assert seen(cluster, "prx1")["swift"]["proxy"]["options"] == {}
    assert "options" not in seen(cluster, "prx1")["secrets"]["keystone"]


SECRETS = {
    "a password": (("keystone", "options", "ldap", "password"), "x", True),
    "of a service": (("nova", "options", "DEFAULT", "admin_password"), "x", True),
    "a key": (("glance", "options", "s3", "s3_store_secret_key"), "x", True),
    "a root": (("swift", "proxy", "options", "filter:kms", "encryption_root_secret"), "x", True),
    "an address": (("keystone", "options", "a", "transport_url"), "rabbit://u:p@h", True),
    "one of several": (("keystone", "options", "a", "urls"), ["x", "http://u:p@h"], True),
    "with a dash": (("keystone", "options", "ldap", "bind-password"), "x", True),
    "a boolean": (("nova", "options", "libvirt", "inject_password"), True, False),
    "an algorithm": (("keystone", "options", "identity", "password_hash_algorithm"), "x", False),
    "a plug-in": (("keystone", "options", "auth", "token"), "x", False),
    "an address without": (("keystone", "options", "ldap", "url"), "ldap://h", False),
    "nothing": (("keystone", "options", "ldap", "password"), "", False),
}


@pytest.mark.parametrize(("path", "value", "is_told"), SECRETS.values(), ids=SECRETS)
def test_a_secret_among_options_is_told_with_its_place(path, value, is_told):
    cluster = example()
    branch = cluster
    for key in path[:-1]:
        branch = branch.setdefault(key, {})
    branch[path[-1]] = value
    told = ":".join(path)
    fault = f"openstack_ha:{told}: is a secret, and options are shown; it belongs to secrets:{told}"
    assert openstack_ha_cluster.faults(cluster) == ([fault] if is_told else [])


@pytest.mark.parametrize("value", [" a", "a ", "a\nb", "", 3])
def test_what_is_no_line_is_no_secret_option(cluster, value):
    cluster["secrets"]["keystone"]["options"]["ldap"]["password"] = value
    (fault,) = openstack_ha_cluster.faults(cluster)
    assert fault.startswith("openstack_ha:secrets:keystone:options:ldap:password: ")
    assert repr(value) not in fault


def test_secret_options_stay_what_they_are(cluster):
    before = copy.deepcopy(cluster["secrets"])
    full = openstack_ha_cluster.complete(cluster)
    systems = openstack_ha_cluster.all_systems(full)
    assert openstack_ha_secrets.generate(full, systems) == before
