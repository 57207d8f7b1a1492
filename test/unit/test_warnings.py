"""What a good cluster file is warned of, and what is said of it in short."""

import time

import openstack_ha_cluster
import openstack_ha_warnings as warnings
import pytest
from support import certified, example, leaves

OWN = {"path": "/srv/cluster.yaml", "mode": 0o100600, "renderers": "", "left": []}
SEALED = {**OWN, "mode": 0o100644, "renderers": "#!jinja|yaml|gpg"}
YEAR = 365 * 86400


@pytest.fixture
def cluster():
    return certified(example())


def warned(cluster, file=OWN, now=None):
    whole = openstack_ha_cluster.complete(cluster)
    return warnings.warnings(whole, file, time.time() if now is None else now)


def test_a_file_as_it_should_be_is_warned_of_nothing(cluster):
    assert warned(cluster) == []
    # What everybody reads is encrypted.
    assert warned(cluster, SEALED) == []


def test_a_file_that_everybody_reads_has_its_command(cluster):
    (line,) = warned(cluster, {**OWN, "mode": 0o100644})
    assert "has the mode 0644" in line
    assert "`chmod o= /srv/cluster.yaml`" in line


def test_one_controller_is_no_availability(cluster):
    (spec,) = [key for key, one in cluster["nodes"].items() if "controller" in one["roles"]]
    cluster["nodes"][spec]["address"] = "172.29.80.11"
    cluster["nodes"]["ctl1"] = cluster["nodes"].pop(spec)
    assert "ctl1 is the only controller" in warned(cluster)[0]


def test_plain_http_is_told_and_no_certificate_is_asked_for(cluster):
    cluster["tls"] = {"plain_http": True}
    (line,) = warned(cluster)
    assert "tls:plain_http: passwords and tokens go over the network" in line


@pytest.mark.parametrize(("days", "word"), [(-3, "ends on"), (3, "ended on"), (-20, None)])
def test_a_certificate_that_ends_is_told_in_time(cluster, days, word):
    found = warned(cluster, now=time.time() + YEAR + days * 86400)
    assert [word in line for line in found] == ([True] if word else [])


def test_a_certificate_for_another_name_is_told(cluster):
    cluster["vip"]["fqdn"] = "other.example.net"
    (line,) = warned(cluster)
    assert "is for" in line and "clients ask for vip:fqdn other.example.net" in line


@pytest.mark.parametrize(
    ("name", "fqdn", "fits"),
    [
        ("*.example.org", "cloud.example.org", True),
        ("*.example.org", "a.cloud.example.org", False),
        ("Cloud.example.org", "cloud.example.org", True),
        ("example.org", "cloud.example.org", False),
    ],
)
def test_a_star_is_one_label(name, fqdn, fits):
    assert warnings._fits(name, fqdn) is fits


def test_a_key_of_another_certificate_is_told(cluster):
    cluster["secrets"]["tls"] = certified(example())["secrets"]["tls"]
    (line,) = warned(cluster)
    assert line.startswith("openstack_ha:secrets:tls:key: is not the key of tls:certificate")
    assert "PRIVATE" not in line


def test_the_placeholder_of_the_example_cannot_be_read():
    assert any("tls:certificate: cannot be read" in line for line in warned(example()))


def test_what_was_understood_has_no_secret(cluster):
    said = warnings.understood(openstack_ha_cluster.complete(cluster))
    assert said["nodes"]["controller"] == ["ctl1", "ctl2", "ctl3"]
    assert said["devices"] > 0
    assert {"galera", "swift.storage"} <= set(said["systems"])
    text = repr(said)
    assert [one for one in leaves(cluster["secrets"]) if str(one) in text] == []
