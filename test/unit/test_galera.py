"""Galera's own words as data, SQL accounts as differences."""

import openstack_ha_galera as galera
import openstack_ha_galera_accounts as accounts
import openstack_ha_galera_provider as provider
import pytest

UUID = "5a1b2c3d-0000-11ee-9999-0123456789ab"

GRASTATE = f"""# GALERA saved state
version: 2.1
uuid:    {UUID}
seqno:   1234
safe_to_bootstrap: 1
"""


def test_grastate():
    assert galera.grastate(GRASTATE) == {"uuid": UUID, "seqno": 1234, "safe_to_bootstrap": True}


@pytest.mark.parametrize("text", ["", "uuid: nonsense\nseqno:\n", "\x00" * 64])
def test_broken_grastate_knows_nothing(text):
    assert galera.grastate(text) == {
        "uuid": galera.ZERO_UUID,
        "seqno": -1,
        "safe_to_bootstrap": False,
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("-1", -1), ("", -1), (None, -1), ("18446744073709551615", -1), (str(2**62), 2**62)],
)
def test_seqno(text, number):
    assert galera.seqno(text) == number


@pytest.mark.parametrize("suffix", ["", ",0-1-2", ",0-12-345"])
def test_recovered_position_with_and_without_gtid(suffix):
    log = f"2026-01-01 1:00:00 0 [Note] WSREP: Recovered position: {UUID}:42{suffix}\n"
    assert galera.recovered(log) == {"uuid": UUID, "seqno": 42}


def test_no_recovered_position_is_no_position():
    assert galera.recovered("[ERROR] InnoDB: Unable to lock ./ibdata1\n") is None


def test_gvwstate():
    view = f"my_uuid: {UUID}\n#vwbeg\nview_id: 3 {UUID} 4\nbootstrap: 0\nmember: {UUID} 0\n#vwend\n"
    assert galera.gvwstate(view) == [UUID]
    assert galera.gvwstate("") is None
    assert galera.gvwstate(view.replace("#vwend", "")) is None


@pytest.mark.parametrize(
    ("setting", "memory", "size"),
    [("512M", 1, 512), ("2G", 1, 2048), ("25%", 8000, 2000), ("1%", 100, 128)],
)
def test_buffer_pool(setting, memory, size):
    assert galera.buffer_pool_megabytes(setting, memory) == size


def test_provider_options_are_one_line_and_can_be_replaced():
    line = galera.provider_options("2G", {"evs.suspect_timeout": "PT5S", "gcs.fc_limit": 160})
    options = dict(part.split("=") for part in line.split("; "))
    assert options["gcache.size"] == "2G"
    assert options["evs.suspect_timeout"] == "PT5S"
    assert options["gcs.fc_limit"] == "160"


def test_the_formulas_own_options_are_known():
    assert {*galera.PROVIDER_OPTIONS, "gcache.size"} < set(provider.NAMES)


def test_a_boolean_is_written_as_the_servers_read_it():
    assert "pc.recovery=OFF" in galera.provider_options("1G", {"pc.recovery": False})
    assert galera.server_options({}, {"a": True, "b": [False, 1]}) == [
        ("a", "ON"),
        ("b", "OFF"),
        ("b", 1),
    ]


@pytest.mark.parametrize("name", ["bind_address", "Port", "por", "loose_port", "port"])
def test_the_pillars_options_come_last_however_they_are_spelled(name):
    own = {"wsrep_on": "ON", "port": 3306, "bind-address": "10.0.0.1"}
    found = galera.server_options(own, {name: 7})
    assert found[-1] == (name, 7)
    assert dict(found) == {**own, name: 7}
    assert len(found) == len(dict(found))


def test_native_password_is_the_servers():
    # SELECT PASSWORD('mariadb'), from https://mariadb.com/kb/en/password/
    assert accounts.native_password("mariadb") == "*54958E764CE10E50764C2EECBB71D01F08549980"


DESIRED = {"nova": {"hash": "*A", "databases": ["nova", "nova_api"]}}


@pytest.mark.parametrize(
    ("found", "pending"),
    [
        ({}, {"databases": ["nova_api"], "accounts": {"nova": "is absent"}}),
        (
            {"nova": {"hash": "*B", "databases": ["nova", "nova_api"]}},
            {"databases": ["nova_api"], "accounts": {"nova": "has another password"}},
        ),
        (
            {"nova": {"hash": "*A", "databases": ["nova"]}},
            {"databases": ["nova_api"], "accounts": {"nova": "has no rights on nova_api"}},
        ),
        (
            {"nova": {"hash": "*A", "databases": ["nova", "nova_api", "more"]}},
            {"databases": ["nova_api"], "accounts": {}},
        ),
    ],
)
def test_account_difference(found, pending):
    assert accounts.diff(DESIRED, {"databases": ["nova"], "accounts": found}) == pending


def test_statements_escape_the_wildcard_of_a_database_name():
    pending = {"databases": ["nova_api"], "accounts": {"nova": "is absent"}}
    sql = accounts.statements(pending, DESIRED, "10.0.0.0/255.0.0.0")
    assert ("CREATE DATABASE IF NOT EXISTS `nova_api`", ()) in sql
    assert any("ON `nova\\_api`.*" in statement for statement, _ in sql)
    assert all("*A" not in statement for statement, _ in sql)


def test_granted_databases():
    grants = [
        "GRANT USAGE ON *.* TO `nova`@`%` IDENTIFIED BY PASSWORD '*A'",
        "GRANT ALL PRIVILEGES ON `nova\\_api`.* TO `nova`@`%`",
        "GRANT SELECT ON `other`.* TO `nova`@`%`",
    ]
    assert accounts.granted_databases(grants) == ["nova_api"]


def test_a_services_account_has_all_of_its_databases():
    found = accounts.of_systems(["keystone", "nova.api", "nova.conductor"])
    assert found == {
        "keystone": {"databases": ["keystone"]},
        "nova": {"databases": ["nova_api", "nova_cell0", "nova"]},
    }
