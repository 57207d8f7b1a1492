"""What each system says of itself, and that the tables that follow from it hold together."""

import importlib
import re

import openstack_ha_cluster
import openstack_ha_schema
import openstack_ha_systems as systems
import pytest
from support import ROOT, example

KEYS = {"options", "node", "secrets", "parts", "coordinated", "schema", "messages", "catalog"}
KEYS |= {"turns", "vip"}
PART_KEYS = {"roles", "reads", "secrets", "asks_vip", "units", "programs"}
ROLES = {"controller", "proxy", "storage", "image_server", "dashboard_server", "rings_owner"}
# Where the cluster file says who gives machines their network.
ROLES |= {"nova_server", "compute_node", "network_node"}


def test_every_description_is_one_of_the_systems():
    files = {path.stem for path in (ROOT / "_utils").glob("openstack_ha_*_system.py")}
    assert {f"openstack_ha_{name}_system" for name in systems.SYSTEMS} == files


@pytest.mark.parametrize("name", systems.SYSTEMS)
def test_a_description_says_nothing_that_nobody_reads(name):
    one = importlib.import_module(f"openstack_ha_{name}_system").SYSTEM
    assert set(one) <= KEYS
    for part, facts in one["parts"].items():
        assert part.partition(".")[0] == name
        assert set(facts) <= PART_KEYS
        assert facts["roles"] <= ROLES
        assert facts.get("reads", set()) <= set(systems.SYSTEMS)
    for key in ("catalog", "turns"):
        assert set(one.get(key, ())) <= set(one["parts"])
    if "schema" in one:
        assert systems.schemas()[name]["part"] in one["parts"]
    # Of another system where its nodes are the ones that can act.
    assert set(one.get("coordinated", ())) <= set(systems.parts())


def test_the_row_by_which_haproxy_sees_a_service_is_on_the_vip():
    rows = {facts["row"] for facts in systems.turns().values() if "row" in facts}
    assert rows <= {row["name"] for row in systems.vip_rows()}


def test_what_has_a_share_is_behind_nothing_and_never_taken_away_everywhere():
    shared = [facts for facts in systems.turns().values() if "share" in facts]
    assert shared
    for facts in shared:
        assert 0 < facts["share"] < 100
        assert facts["patience"] == 0 and "row" not in facts


def test_what_names_no_unit_has_programs_and_nothing_has_two_ways():
    for part, facts in systems.turns().items():
        assert ("unit" in facts) != ("programs" in systems.parts()[part])
        assert not {"share", "zones"} <= set(facts)


@pytest.mark.parametrize("part", systems.parts())
def test_every_part_has_its_states(part):
    path = ROOT / "openstack_ha" / part.replace(".", "/")
    assert path.with_suffix(".sls").exists() or (path / "init.sls").exists()


def test_who_serves_comes_before_who_sends_work_and_that_before_the_vip():
    order = list(systems.parts())
    last = [name for name, part in systems.parts().items() if part.get("asks_vip")]
    serving = [part for part in order if part not in ("haproxy", "keepalived", *last)]
    assert last
    assert order == [*serving, "haproxy", "keepalived", *last]


def test_a_schema_is_made_before_who_waits_for_it():
    order = list(systems.coordinated())
    assert order.index("galera") < order.index("db_sync") < order.index("keystone")


def test_no_two_rows_on_the_vip_have_a_name_or_a_port():
    rows = systems.vip_rows()
    for key in ("name", "port"):
        assert len({row[key] for row in rows}) == len(rows)
    cluster = openstack_ha_cluster.complete(example())
    numbers = [_option(cluster, row["port"]) for row in rows]
    assert len(set(numbers)) == len(numbers)


def test_no_two_services_have_a_type_in_the_catalog():
    rows = systems.catalog().values()
    assert len({row["type"] for row in rows}) == len(rows)
    assert all(re.fullmatch(r"[a-z-]+", row["type"]) for row in rows)


def test_every_secret_that_a_system_needs_is_read_by_somebody():
    known = systems.readers()
    assert all(readers <= set(systems.parts()) for readers in known.values())
    cluster = openstack_ha_cluster.complete(example())
    own = openstack_ha_cluster.all_systems(cluster)
    assert set().union(*(known[path] for path in known)) <= set(own)


def test_every_secret_that_is_read_may_stand_in_the_cluster_file():
    for path in systems.readers():
        schema = openstack_ha_schema.SECRETS
        for key in path:
            known = schema.get("properties", {})
            schema = known.get(key) or schema["additionalProperties"]
            assert schema, path


def test_every_system_has_its_section_of_the_cluster_file():
    sections = openstack_ha_schema.SCHEMA["properties"]
    assert all(sections[name]["description"] for name in systems.SYSTEMS)


def _option(cluster, path):
    for key in path.split(":"):
        cluster = cluster[key]
    return cluster
