"""A cluster with a system that is no part of the formula: test/trial/lighthouse."""

import time

import pytest
from forked import start_all
from overlay import formula_with, put_first
from support import example, write_cluster


@pytest.fixture(scope="session")
def cluster_files(tmp_path_factory):
    """Demo's one controller is never there, so that its lighthouses are all that moves."""
    demo = example()
    demo["nodes"] = {
        "ctl1": {"address": "172.29.80.11", "roles": ["controller"]},
        "cmp[1-3]": {"address": "172.29.80.21-23", "roles": ["compute"], "interface": "lo"},
    }
    return {"demo": write_cluster(tmp_path_factory.mktemp("clusters") / "demo.yaml", demo)}


@pytest.fixture(scope="session")
def formula(tmp_path_factory):
    made = formula_with("lighthouse", tmp_path_factory.mktemp("master"))
    # Salt's commands are forks of this process.
    put_first(made)
    return made


@pytest.fixture(scope="session")
def lighthouses(start_minion, sync, reacted):
    """The three of them by id; cmp3 has its modules, and is off."""
    minions = {one: start_minion(one) for one in ("cmp1", "cmp2", "cmp3")}
    begin = time.time()
    start_all(minions.values())
    sync(*minions.values())
    for minion in minions:
        reacted(begin, minion)
    minions["cmp3"].terminate()
    yield minions
    for minion in minions.values():
        minion.terminate()
