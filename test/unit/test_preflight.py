"""
A master that somebody else has configured already: what it would lose, read by Salt's own reader.
"""

import types

import jinja2
import openstack_ha_master_config as master_config
import pytest
import salt.config
import yaml
from runners import load, utils
from salt.exceptions import CommandExecutionError
from support import ROOT

TEMPLATE = ROOT / "openstack_ha/master/files/openstack_ha.conf.jinja"
CLUSTER_FILE = "/srv/openstack_ha/cluster.yaml"
# Of an operator who has run a master for years.
OPERATORS = {
    "ext_pillar": [{"git": [{"main https://site:the-password@example.org/pillar": []}]}],
    "reactor": [{"salt/minion/*/start": ["/srv/reactor/highstate.sls"]}],
    "schedule": {"cleanup": {"function": "cache.clear_all", "hours": 24}},
    "file_roots": {"base": ["/srv/site"]},
}
ROOTS = {"file_roots": {"base": ["/srv/formulas/openstack_ha", "/srv/salt"]}}


def drafted():
    """The formula's own file, as its state writes it."""
    environment = jinja2.Environment()
    environment.filters["json"] = yaml.safe_dump
    text = TEMPLATE.read_text(encoding="utf-8").replace("| json", "")
    return environment.from_string(text).render(
        cluster_file=CLUSTER_FILE, archives="/srv/openstack_ha/wheels"
    )


@pytest.fixture
def site(tmp_path):
    """A master's folder: its files, what would be lost, and what Salt makes of it."""
    main, folder = tmp_path / "master", tmp_path / "master.d"
    folder.mkdir()
    own = folder / "openstack_ha.conf"
    module = load(
        "_modules",
        "openstack_ha_preflight",
        __opts__={"conf_file": str(tmp_path / "minion")},
        __utils__=utils(),
    )

    def write(content, name="master"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return str(path)

    def effective():
        return salt.config.master_config(str(main))

    def with_ours():
        own.write_text(drafted(), encoding="utf-8")
        return effective()

    write({})
    return types.SimpleNamespace(
        write=write,
        effective=effective,
        with_ours=with_ours,
        lost=lambda: module.lost(str(own), drafted()),
        own=own,
        folder=folder,
    )


def in_it(part, whole):
    """Whether all of a value is in another one."""
    return master_config._less(part, whole) in (None, {}, [])


def test_a_bare_master_loses_nothing(site):
    site.write(ROOTS, "master.d/formula.conf")
    assert site.lost() == []
    after = site.with_ours()
    assert in_it(yaml.safe_load(drafted()), after)
    assert in_it(ROOTS, after)
    # The second time, when it is there.
    assert site.lost() == []


def test_what_stands_in_the_masters_own_file_would_be_lost_and_is_named(site, tmp_path):
    main = site.write(OPERATORS)
    before = {key: site.effective()[key] for key in OPERATORS}
    lines = site.lost()
    assert len(lines) == len(OPERATORS)
    for key, line in zip(("ext_pillar", "file_roots", "reactor", "schedule"), lines, strict=True):
        assert line.startswith(f"{main}: {key} (")
        assert f"since {site.own} has it too and Salt merges nothing but the files of" in line
        assert line.endswith(f"; move {key} of {main} into {site.folder}/site.conf")
    assert "ext_pillar (git)" in lines[0]
    assert "the-password" not in str(lines)
    # It is so: Salt's own reader, with the file there.
    after = site.with_ours()
    assert not any(in_it(before[key], after[key]) for key in OPERATORS)


@pytest.mark.parametrize("name", ["a.conf", "site.conf"])
def test_salt_merges_it_where_the_way_out_leads(site, name):
    site.write(OPERATORS, f"master.d/{name}")
    before = {key: site.effective()[key] for key in OPERATORS}
    assert site.lost() == []
    after = site.with_ours()
    assert in_it(before, after)
    assert in_it(yaml.safe_load(drafted()), after)


def test_an_include_has_the_last_word_over_ours(site, tmp_path):
    site.write({"include": "extra/*.conf"})
    extra = site.write({"reactor": OPERATORS["reactor"], "state_events": False}, "extra/x.conf")
    site.write(ROOTS, "master.d/formula.conf")
    reactor, events = site.lost()
    assert reactor.startswith(
        f"{site.own}: reactor (salt/minion/*/start, openstack_ha/*/*/doorbell"
    )
    assert reactor.endswith(f"move reactor of {extra} into {site.folder}/site.conf")
    assert events == (
        f"{site.own}: state_events would be lost, since {extra} has it too; take it out of there"
    )
    assert not in_it(yaml.safe_load(drafted()), site.with_ours())


def test_another_schedule_of_the_same_name_is_taken_out(site):
    site.write(ROOTS, "master.d/formula.conf")
    other = site.write({"schedule": {"openstack_ha": {"seconds": 3600}}}, "master.d/z.conf")
    (line,) = site.lost()
    assert line.startswith(f"{site.own}: schedule (openstack_ha) would be lost, since {other}")
    assert line.endswith("; take it out of there")


def test_salts_own_file_roots_end_with_the_first_that_are_written(site):
    (line,) = site.lost()
    assert line.startswith("file_roots: no file has it, and Salt's own, /srv/salt, ")
    assert f"into {site.folder}/formula.conf" in line
    assert "base" not in site.with_ours()["file_roots"]
    site.write({"fileserver_backend": ["gitfs"]}, "master.d/formula.conf")
    assert site.lost() == []


def test_a_formula_conf_that_takes_the_masters_own_file_server_is_named(site):
    remotes = {"gitfs_remotes": ["https://site:the-password@example.org/states"]}
    main = site.write({**remotes, "fileserver_backend": ["gitfs"]})
    ours = {"gitfs_remotes": ["https://example.org/openstack_ha"], **ROOTS}
    formula = site.write(
        {**ours, "fileserver_backend": ["roots", "gitfs"]}, "master.d/formula.conf"
    )
    (line,) = site.lost()
    assert line == (
        f"{main}: gitfs_remotes would be lost, since {formula} has it too and Salt merges nothing "
        f"but the files of {site.folder}; move gitfs_remotes of {main} into {site.folder}/site.conf"
    )


def test_a_master_that_reads_other_files_is_named(site):
    site.write({"default_include": "conf.d/*.conf"})
    (line,) = site.lost()
    assert line.startswith(f"{site.own} would not be read, since default_include is ")


def test_what_is_said_to_count_is_what_salts_master_reads(site, monkeypatch):
    """The three layers are put together here; Salt's master does it by its own function."""
    seen = {}
    site.write({**OPERATORS, "include": "x.conf", "state_events": False})
    site.write({"schedule": {"x": {"function": "test.ping"}}}, "x.conf")
    site.write(ROOTS, "master.d/a.conf")
    monkeypatch.setitem(
        utils(),
        "openstack_ha_master_config.lost",
        lambda files, effective, own: seen.update(effective) or [],
    )
    site.lost()
    after = site.with_ours()
    for key in (*OPERATORS, "state_events", "fileserver_backend"):
        assert seen[key] == after[key]


VERSIONS = {"pygit2": "1.20.0", "gitpython": "3.1.0", "git": "/usr/bin/git"}
NONE = dict.fromkeys(VERSIONS)
GIT = {
    "no git": ({"fileserver_backend": ["roots"]}, NONE, None),
    "everything there": ({}, VERSIONS, None),
    "the program alone": ({}, {**NONE, "git": "/usr/bin/git"}, None),
    "nothing there": ({}, NONE, "gitfs by gitcli needs the program git: `apt-get install git`"),
    "pygit2 that fails": ({}, {**VERSIONS, "pygit2": "1.21.0"}, "fails with pygit2 1.21.0"),
    "a later one": ({}, {**VERSIONS, "pygit2": "2.0"}, "set gitfs_provider: gitcli"),
    "another is taken": (
        {"gitfs_provider": "GitPython"},
        {**VERSIONS, "pygit2": "1.21.0"},
        None,
    ),
    "pygit2 that is not there": ({"gitfs_provider": "pygit2"}, NONE, "pygit2 is not in Salt's"),
    "GitPython without git": (
        {"gitfs_provider": "gitpython"},
        {**VERSIONS, "git": None},
        "gitfs by gitpython needs the program git",
    ),
}


@pytest.mark.parametrize(("config", "versions", "why"), GIT.values(), ids=GIT)
def test_what_git_needs_is_named(config, versions, why):
    fault = master_config.git_fault({"fileserver_backend": ["gitfs"], **config}, versions)
    assert (fault is None) if why is None else why in fault


@pytest.fixture
def host(tmp_path):
    """A master's host: two modules on its file server, and what its own folder has of them."""
    served, own = tmp_path / "served", tmp_path / "extmods"
    module = load("_modules", "openstack_ha_preflight", __utils__=utils())
    module.__opts__ = {
        "__role": "master",
        "conf_file": str(tmp_path / "master"),
        "extension_modules": str(own),
        "user": "salt",
    }
    commands, results = [], {}
    for kind in module.KINDS:
        (served / f"_{kind}").mkdir(parents=True)
        (served / f"_{kind}" / "openstack_ha_x.py").write_text(kind, encoding="utf-8")
        (served / f"_{kind}" / "somebody_elses.py").write_text("x", encoding="utf-8")

    def run(argv, **more):
        commands.append(argv[-1])
        return {"retcode": 0, "stdout": "", "stderr": "", **results.get(argv[-1], {})}

    def synced():
        for kind in module.KINDS:
            (own / kind).mkdir(parents=True, exist_ok=True)
            (own / kind / "openstack_ha_x.py").write_text(kind, encoding="utf-8")

    module.__salt__ = {
        "cp.cache_dir": lambda url: list(
            map(str, (served / url.removeprefix("salt://")).glob("*.py"))
        ),
        "cmd.run_all": run,
    }
    return types.SimpleNamespace(
        module=module, served=served, own=own, commands=commands, results=results, synced=synced
    )


def test_modules_that_are_missing_or_older_are_named(host):
    assert len(host.module.outdated()) == len(host.module.KINDS)
    host.synced()
    assert host.module.outdated() == []
    (host.own / "runners" / "openstack_ha_x.py").write_text("older", encoding="utf-8")
    assert host.module.outdated() == ["runners/openstack_ha_x.py"]


def test_a_file_server_without_the_formulas_modules_is_named(host):
    (host.served / "_runners" / "openstack_ha_x.py").unlink()
    with pytest.raises(CommandExecutionError, match="has no _runners of the formula"):
        host.module.outdated()


def test_the_master_fetches_before_it_syncs(host, monkeypatch):
    monkeypatch.setitem(host.results, "saltutil.sync_all", {})
    run = host.module.__salt__["cmd.run_all"]

    def syncing(argv, **more):
        if argv[-1] == "saltutil.sync_all":
            host.synced()
        return run(argv, **more)

    host.module.__salt__["cmd.run_all"] = syncing
    assert "runners/openstack_ha_x.py" in host.module.sync()
    assert host.commands == ["fileserver.update", "saltutil.sync_all"]


def test_a_master_that_serves_something_else_is_told_so(host):
    with pytest.raises(
        CommandExecutionError, match="does not get .*3 more from its own file server"
    ):
        host.module.sync()


def test_a_sync_that_fails_is_told_with_its_reason(host):
    host.results["saltutil.sync_all"] = {"retcode": 1, "stderr": "a traceback\nno space left"}
    with pytest.raises(CommandExecutionError, match=r"saltutil.sync_all` ended with 1: .*no space"):
        host.module.sync()


def test_a_broken_git_is_told_before_anything_is_synced(host, monkeypatch):
    host.module.__opts__["fileserver_backend"] = ["gitfs"]
    monkeypatch.setattr(host.module, "_versions", lambda: NONE)
    with pytest.raises(CommandExecutionError, match="needs the program git"):
        host.module.sync()
    assert host.commands == []


def test_folders_are_those_of_the_masters_options_and_its_user(host):
    folder = host.module.folder
    assert folder("openstack_ha_keys", "/var/lib/x") == {"path": "/var/lib/x", "user": "salt"}
    host.module.__opts__["openstack_ha_keys"] = "/srv/keys"
    assert folder("openstack_ha_keys", "/var/lib/x")["path"] == "/srv/keys"


def test_a_folder_is_the_masters_own(host):
    made = {}

    def directory(path, **more):
        made[path] = more
        return {"name": path, "result": True, "changes": {}, "comment": ""}

    host.module.__opts__["openstack_ha_keys"] = "/srv/keys"
    state = load("_states", "openstack_ha_preflight", __states__={"file.directory": directory})
    state.__salt__ = {"openstack_ha_preflight.folder": host.module.folder}
    assert state.folder("openstack_ha_keys", "/var/lib/x")["name"] == "openstack_ha_keys"
    assert made == {"/srv/keys": {"user": "salt", "mode": "0700", "makedirs": True}}


def test_keys_and_grains_are_those_that_the_master_has(tmp_path):
    """A master's folder as Salt writes it, without a daemon."""
    options = salt.config.master_config(None)
    options.update(
        cachedir=str(tmp_path / "cache"),
        pki_dir=str(tmp_path / "pki"),
        ext_pillar=[{"openstack_ha": "/a.yaml"}, {"openstack_ha": "/broken.yaml"}, {"git": []}],
    )
    for folder, node in (("minions", "ctl1"), ("minions_pre", "ctl2"), ("minions_denied", "sto1")):
        (tmp_path / "pki" / folder).mkdir(parents=True)
        (tmp_path / "pki" / folder / node).write_text("a key", encoding="utf-8")
    salt.cache.factory(options).store("grains", "ctl1", {"ip_interfaces": {"eth7": ["10.0.0.1"]}})
    module = load("_modules", "openstack_ha_preflight", __opts__=options, __utils__=utils())
    cluster = {
        "nodes": {
            node: {"address": f"10.0.0.{number}", "roles": ["controller"]}
            for number, node in enumerate(("ctl1", "ctl2", "sto1"), 1)
        },
        "vip": {"interface": "bond0"},
    }

    def loaded(path):
        if path == "/broken.yaml":
            raise CommandExecutionError("vip: is missing")
        return cluster

    module.__salt__ = {"openstack_ha_cluster.load": loaded}
    found = module.minions()
    assert list(found) == ["/a.yaml"]
    assert [line.split()[0] for line in found["/a.yaml"]] == [
        "ctl2",
        "sto1",
        "openstack_ha:vip:interface:",
    ]
