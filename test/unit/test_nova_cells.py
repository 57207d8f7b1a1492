"""Nova's cell mappings: templates that become the service's own URLs."""

import urllib.parse

import openstack_ha_db_sync
import openstack_ha_messaging
import openstack_ha_nova_cells as cells
import openstack_ha_nova_system
import pytest

VIEW = {
    "self": {"address": "10.0.0.11"},
    "vip": {"address": "10.0.0.100"},
    "galera": {"port": 3306},
    "rabbitmq": {"access": "vip", "port": 5672},
    "controllers": [{"address": f"10.0.0.{last}"} for last in (11, 12, 13)],
}
KEYS = ("username", "password", "hostname", "port")


def printed(value):
    return "".join(one if isinstance(one, str) else "s-3cr.et~+=" for one in value)


def filled(template, url):
    """
    A template as Nova fills it: nova/objects/cell_mapping.py gives it the pieces of the service's
    own URL, the path without its slash; where there are several hosts theirs too, numbered from 1.
    """
    whole = urllib.parse.urlparse(url)
    pieces = {key: getattr(whole, key) for key in (*KEYS, "scheme", "query", "fragment")}
    pieces["path"] = whole.path.lstrip("/")
    if "," in whole.netloc:
        for number, host in enumerate(whole.netloc.split(","), 1):
            (account, place) = (half.split(":", 1) for half in host.split("@", 1))
            pieces |= dict(zip([f"{key}{number}" for key in KEYS], account + place, strict=True))
    return template.format(**pieces)


@pytest.mark.parametrize("address", ["10.0.0.100", "10.0.0.11"])
def test_cell1_is_the_services_own_database_by_the_vip_and_beside_it(address):
    url = printed(openstack_ha_db_sync.connection("nova", address, 3306, "10.0.0.11"))
    assert "?" in url
    assert filled(cells.cell_database(), url) == url


def test_cell0_is_beside_it():
    url = printed(openstack_ha_db_sync.local_connection("nova", VIEW))
    beside = printed(openstack_ha_db_sync.local_connection("nova", VIEW, "nova_cell0"))
    assert filled(cells.cell0_database(), url) == beside


@pytest.mark.parametrize("access", ["vip", "direct"])
@pytest.mark.parametrize("count", [1, 3])
def test_cell1s_brokers_are_the_services_own(access, count):
    view = {**VIEW, "rabbitmq": {"access": access, "port": 5672}}
    view["controllers"] = VIEW["controllers"][:count]
    url = printed(openstack_ha_messaging.transport_url(view, "nova"))
    # The vhost "/" is an empty path.
    assert urllib.parse.urlparse(url).path == "/"
    assert filled(cells.transport(view), url) == url


def test_a_mapping_has_no_password():
    words = [
        word for command in openstack_ha_nova_system.SYSTEM["schema"]["sync"] for word in command
    ]
    assert cells.cell0_database() in words
    assert "{password}" in cells.cell_database()
