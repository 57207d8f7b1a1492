"""
A master's own host before it looks after a cluster: Salt's own commands and loaders, without its
daemon.
"""

import os
import shutil
import sys

import pytest
import yaml
from saltfactories.utils.functional import Loaders
from support import formula_root, minion_options, pillar_root

CONTEXT = {"cluster_file": "/srv/openstack_ha/cluster.yaml", "archives": "/srv/wheels"}
SOURCE = "salt://openstack_ha/master/files/openstack_ha.conf.jinja"


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A folder that is a master's and its minion's, with the formula on both file servers."""
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable), prepend=os.pathsep)
    formula = formula_root(tmp_path / "formula")
    write(
        tmp_path / "master",
        {
            "root_dir": str(tmp_path / "root"),
            "openstack_ha_keys": str(tmp_path / "keys"),
            "ext_pillar": [],
        },
    )
    write(tmp_path / "master.d/formula.conf", {"file_roots": {"base": [str(formula)]}})
    # Where each run of salt-run leaves that it is at work; the master's first start makes it.
    (tmp_path / "root/var/cache/salt/master/proc").mkdir(parents=True)
    pillar = pillar_root(tmp_path / "pillar", {})
    return Loaders(minion_options(tmp_path, "master1", formula, pillar))


def write(path, content):
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


@pytest.mark.parametrize("is_test", (True, False))
def test_what_would_be_lost_is_refused_and_else_it_is_fine(host, tmp_path, is_test):
    def state():
        return host.states.openstack_ha_preflight.nothing_lost(
            name=str(tmp_path / "master.d/openstack_ha.conf"),
            source=SOURCE,
            context=CONTEXT,
            test=is_test,
        )

    # An empty list has nothing to lose.
    assert state().result is True, state().comment
    write(tmp_path / "master", {"ext_pillar": [{"git": []}]})
    refused = state()
    assert (refused.result, refused.changes) == (False, {})
    assert f"{tmp_path}/master: ext_pillar (git) would be lost" in refused.comment
    assert not (tmp_path / "master.d/openstack_ha.conf").exists()


def test_the_master_gets_the_modules_that_it_lacks_and_those_that_are_older(host, tmp_path):
    own = tmp_path / "root/var/cache/salt/master/extmods"

    def state(is_test):
        return host.states.openstack_ha_preflight.modules_synced(name="modules", test=is_test)

    planned = state(True)
    assert planned.result is None
    assert set(planned.changes) == {"modules", "states", "utils", "runners", "pillar", "output"}
    assert not own.exists()
    done = state(False)
    assert (done.result, done.changes) == (True, planned.changes), done.comment
    assert [state(one).result for one in (True, False)] == [True, True]
    (own / "runners/openstack_ha.py").write_text("older", encoding="utf-8")
    (own / "utils/openstack_ha_rule.py").unlink()
    assert state(True).changes == {"runners": 1, "utils": 1}
    assert state(False).result is True
    assert state(True).changes == {}


def test_a_master_that_serves_no_formula_is_told_so(host, tmp_path):
    write(tmp_path / "master.d/formula.conf", {"file_roots": {"base": [str(tmp_path / "nothing")]}})
    refused = host.states.openstack_ha_preflight.modules_synced(name="modules", test=False)
    assert refused.result is False
    assert "the master does not get " in refused.comment
    assert "`salt-run fileserver.file_list`" in refused.comment


def test_a_master_that_has_never_run_is_told_to_start(host, tmp_path):
    shutil.rmtree(tmp_path / "root")
    refused = host.states.openstack_ha_preflight.modules_synced(name="modules", test=False)
    assert refused.result is False
    assert "`systemctl start salt-master` first" in refused.comment


def test_a_folder_is_where_the_masters_options_say(host, tmp_path):
    for is_test, result in ((True, None), (False, True), (True, True), (False, True)):
        done = host.states.openstack_ha_preflight.folder(
            name="openstack_ha_keys", default="/nowhere", test=is_test
        )
        assert (done.result, done.name) == (result, "openstack_ha_keys"), done.comment
        assert (tmp_path / "keys").exists() is (not is_test or result is True)
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("is_test", (True, False))
def test_what_is_left_to_do_about_nodes_is_a_warning(host, tmp_path, is_test):
    def state():
        return host.states.openstack_ha_preflight.minions_known(name="minions", test=is_test)

    none = state()
    assert (none.result, none.changes) == (True, {})
    assert "`salt-run openstack_ha.check` says why" in none.comment
