"""Whose schema lacks what, and who brings it there."""

import openstack_ha_db_sync as db_sync
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
    assert url["after"].startswith("@10.0.0.100:3306/glance?")
    assert "bind_address=10.0.0.11" in url["after"].split("?")[1].split("&")
