"""Whose schema lacks what, and who brings it there."""

import openstack_ha_db_sync as db_sync
import openstack_ha_systems
import pytest

MEMBERS = ["ctl1", "ctl2", "ctl3"]
OLD, NEW = "2:22.0.2-0+deb12u6", "2:22.0.10-1"


def script(revision, down, labels=None):
    return f"revision = {revision!r}\ndown_revision = {down!r}\nbranch_labels = {labels!r}\n"


# As Keystone has them: both branches begin at one revision.
SCRIPTS = {
    "27_initial.py": script("i", None),
    "yoga/expand/1.py": script("e1", "i", ("expand",)),
    "yoga/contract/1.py": script("c1", "i", ("contract",)),
    "zed/expand/2.py": script("e2", "e1"),
    "zed/contract/2.py": script("c2", "c1"),
}


def one(pending="nothing", version=OLD, is_ready=True):
    return {"is_ready": is_ready, "version": version, "pending": pending}


def decide(*three):
    decision = db_sync.decide(MEMBERS, dict(zip(MEMBERS, three, strict=True)))
    return decision["verdict"], decision["nodes"]


@pytest.mark.parametrize(
    ("have", "lacks"),
    [
        (None, None),
        ([], "sync"),
        (["e1", "c1"], "expand"),
        (["e2", "c1"], "contract"),
        (["e2", "c2"], "nothing"),
        # Glance's contract depends on its expand, so alembic notes only the one.
        (["c2"], "nothing"),
        # A newer package has been here.
        (["e3", "c2"], "nothing"),
    ],
)
def test_what_a_schema_lacks(have, lacks):
    assert db_sync.pending(SCRIPTS, have) == lacks


# As Placement has them.
LINE = {"1_initial.py": script("r1", None), "2_more.py": script("r2", "r1")}


@pytest.mark.parametrize(
    ("have", "lacks"),
    [
        (None, None),
        ([], "sync"),
        (["r1"], "expand"),
        (["r2"], "nothing"),
        # A newer package has been here.
        (["r3"], "nothing"),
    ],
)
def test_what_a_schema_without_branches_lacks(have, lacks):
    assert db_sync.pending(LINE, have, is_linear=True) == lacks


# As Nova's Rocky has them.
NUMBERED = dict.fromkeys(
    ["__init__.py", "216_havana.py", "389_index.py", "390_trusted_certs.py", "old/400_other.py"], ""
)


@pytest.mark.parametrize(
    ("have", "lacks"),
    [
        (None, None),
        ([], "sync"),
        ([389], "expand"),
        ([390], "nothing"),
        # A newer package has been here.
        ([391], "nothing"),
    ],
)
def test_what_a_numbered_schema_lacks(have, lacks):
    assert db_sync.pending(NUMBERED, have, is_numbered=True) == lacks


def test_numbers_have_the_order_of_numbers():
    scripts = {"99_old.py": "", "100_new.py": ""}
    assert db_sync.pending(scripts, [99], is_numbered=True) == "expand"


def test_migrations_without_a_number_are_no_answer():
    with pytest.raises(ValueError, match="none of its migrations has a number"):
        db_sync.pending({"__init__.py": ""}, [390], is_numbered=True)


@pytest.mark.parametrize(
    ("found", "worst"),
    [
        (["nothing"], "nothing"),
        (["nothing", "contract", "nothing"], "contract"),
        (["contract", "expand", "nothing"], "expand"),
        (["expand", "nothing", "sync"], "sync"),
        (["sync", None, "nothing"], None),
    ],
)
def test_a_service_lacks_what_the_worst_of_its_databases_lacks(found, worst):
    assert db_sync.worst(found) == worst


def test_a_service_of_one_database_says_no_more_than_that():
    facts = db_sync.facts("placement")
    assert facts["databases"] == {
        "placement": {
            "migrations": "/usr/lib/python3/dist-packages/placement/db/sqlalchemy/alembic/versions",
            "is_linear": True,
            "is_numbered": False,
            "revisions": "SELECT version_num FROM `placement`.alembic_version",
        }
    }
    assert db_sync.databases("keystone") == ["keystone"]


def test_novas_databases_are_three_with_its_own_libraries():
    facts = db_sync.facts("nova")
    folder = "/opt/openstack_ha/nova/current/lib/python3.11/site-packages/nova/db/sqlalchemy"
    assert {name: one["migrations"] for name, one in facts["databases"].items()} == {
        "nova_api": f"{folder}/api_migrations/migrate_repo/versions",
        "nova_cell0": f"{folder}/migrate_repo/versions",
        "nova": f"{folder}/migrate_repo/versions",
    }
    assert [one["revisions"] for one in facts["databases"].values()] == [
        f"SELECT version FROM `{name}`.migrate_version" for name in db_sync.databases("nova")
    ]


def test_the_nodes_of_one_part_have_a_services_schema():
    assert db_sync.services(["galera", "keystone", "nova.api"]) == ["keystone", "nova"]
    assert db_sync.services(["nova.conductor", "nova.compute"]) == []
    assert "nova.api" in openstack_ha_systems.coordinated()["db_sync"]
    assert "nova" not in openstack_ha_systems.coordinated()["db_sync"]


def test_cell0_is_there_before_the_command_that_looks_for_it():
    commands = [" ".join(one[:2]) for one in db_sync.facts("nova")["sync"]]
    assert commands == ["api_db sync", "cell_v2 map_cell0", "db sync"]


def test_a_line_of_migrations_has_one_end():
    forked = {**LINE, "3_fork.py": script("r3", "r1")}
    with pytest.raises(ValueError, match="its migrations have 2 heads"):
        db_sync.pending(forked, ["r1"], is_linear=True)


def test_a_package_without_its_migrations_is_no_answer():
    with pytest.raises(ValueError, match="expand has 0 heads"):
        db_sync.pending({"27_initial.py": script("i", None)}, ["i"])


def test_one_controller_makes_the_schema_and_it_need_not_be_the_first():
    fresh = one("sync")
    assert decide(fresh, fresh, fresh) == ("sync", ["ctl1"])
    assert decide(None, fresh, fresh) == ("sync", ["ctl2"])
    assert decide(one(None), fresh, None) == ("sync", ["ctl2"])
    assert decide(one(), one(), one()) == ("settled", [])


def test_nobody_acts_whose_own_database_does_not_answer():
    assert decide(one(None), one(None), one(None)) == ("wait", [])
    assert decide(None, None, None) == ("wait", [])
    assert decide(one("sync", None, is_ready=False), None, None) == ("wait", [])


def test_a_new_version_expands_first_and_contracts_when_no_old_one_can_serve():
    old = one("nothing")
    assert decide(old, one("expand", NEW), old) == ("expand", ["ctl2"])
    new = one("contract", NEW)
    assert decide(old, new, old) == ("settled", [])
    assert decide(None, new, new) == ("settled", [])
    assert decide(new, new, new) == ("sync", ["ctl1"])


def test_an_old_module_is_not_taken_for_an_answer():
    verdict, nodes = decide({"lacks": "openstack_ha_db_sync.evidence"}, one("sync"), one("sync"))
    assert (verdict, nodes) == ("refuse", ["ctl1"])


def test_who_waits_for_a_word():
    assert [db_sync.is_waiting(found) for found in (None, one("sync"), one(None), one())] == [
        False,
        True,
        True,
        False,
    ]


def test_versions_have_their_order():
    assert sorted(["2:27.0.0-1", NEW, OLD], key=db_sync.ordered) == [OLD, NEW, "2:27.0.0-1"]


def test_a_session_begins_at_the_nodes_own_address_and_not_at_the_vip():
    url = db_sync.connection("glance", "10.0.0.100", 3306, "10.0.0.11")
    assert url[1] == {"secret": "galera:accounts:glance"}
    assert url[2].startswith("@10.0.0.100:3306/glance?")
    assert "bind_address=10.0.0.11" in url[2].split("?")[1].split("&")


def test_a_service_has_one_account_for_all_of_its_databases():
    before, secret, after = db_sync.connection("nova", "10.0.0.100", 3306, "10.0.0.11", "nova_api")
    assert (before, secret) == ("mysql+pymysql://nova:", {"secret": "galera:accounts:nova"})
    assert after.startswith("@10.0.0.100:3306/nova_api?")
    view = {"self": {"address": "10.0.0.11"}, "galera": {"port": 3306}}
    view["vip"] = {"address": "10.0.0.100"}
    assert db_sync.local_connection("nova", view, "nova_cell0")[2].startswith(
        "@10.0.0.11:3306/nova_cell0?"
    )
    assert db_sync.pool("nova", view, 4, "nova_api")["connection"] == [before, secret, after]
