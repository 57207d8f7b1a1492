"""Demo once more, with a clustered system that is no part of the formula: test/trial/lighthouse."""

import time

import pytest
from forked import start_all
from overlay import formula_with, put_first
from support import example, write_cluster


@pytest.fixture(scope="session")
def cluster_files(tmp_path_factory):
    """Demo, whose addresses are on no interface of this host."""
    demo = example()
    (found,) = [node for node in demo["nodes"].values() if "controller" in node["roles"]]
    demo["nodes"] = {"ctl[1-3]": {**found, "roles": ["controller"], "interface": "lo"}}
    return {"demo": write_cluster(tmp_path_factory.mktemp("clusters") / "demo.yaml", demo)}


@pytest.fixture(scope="session")
def formula(tmp_path_factory):
    made = formula_with("lighthouse", tmp_path_factory.mktemp("master"))
    # Salt's commands are forks of this process.
    put_first(made)
    return made


@pytest.fixture(scope="session")
def controllers(start_minion, sync, reacted):
    """The three of them by id; ctl3 has its modules, and is off."""
    minions = {one: start_minion(one) for one in ("ctl1", "ctl2", "ctl3")}
    begin = time.time()
    start_all(minions.values())
    sync(*minions.values())
    for minion in minions:
        reacted(begin, minion)
    minions["ctl3"].terminate()
    yield minions
    for minion in minions.values():
        minion.terminate()
