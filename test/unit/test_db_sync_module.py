"""The schemas' module: a service's own command, as its user, and what a silent database means."""

import openstack_ha_db_sync as rule
import pymysql
import pytest
from runners import load, utils
from salt.exceptions import CommandExecutionError


@pytest.fixture
def db_sync():
    dunders = {"__utils__": utils(), "__opts__": {"id": "ctl1"}, "__context__": {}}
    module = load("_modules", "openstack_ha_db_sync", **dunders)
    module.calls = []

    def run(argv, **options):
        module.calls.append((argv, options))
        return {"retcode": module.retcode, "stdout": "", "stderr": "one\ntwo\nIt has no room"}

    module.retcode = 0
    module.__salt__ = {"cmd.run_all": run, "pkg.version": lambda name: "2:22.0.2"}
    return module


def test_a_command_runs_as_the_services_user_with_its_files(db_sync):
    db_sync.manage("glance", ["db", "sync"], 60, {"SECRET": "x"})
    ((argv, options),) = db_sync.calls
    facts = rule.facts("glance")
    assert argv[:3] == ["setpriv", f"--reuid={facts['user']}", f"--regid={facts['user']}"]
    assert argv[-2:] == ["db", "sync"]
    assert [one for one in argv if one == "--config-file"]
    assert options == {"python_shell": False, "timeout": 60, "env": {"SECRET": "x"}}


def test_a_command_that_fails_says_so_and_no_secret(db_sync):
    db_sync.retcode = 1
    with pytest.raises(CommandExecutionError, match="ended with 1: .*It has no room") as told:
        db_sync.manage("glance", [], 60, {"SECRET": "the-password"})
    assert "the-password" not in str(told.value)


@pytest.mark.parametrize("name", ["sync", "expand"])
def test_a_step_is_the_services_own_and_is_looked_at_again(db_sync, name):
    db_sync.pending = lambda service: "nothing"
    assert getattr(db_sync, name)("glance") == {"pending": "nothing"}
    wanted = [list(arguments) for arguments in rule.facts("glance")[name]]
    assert [
        argv[-len(words) :] for (argv, _), words in zip(db_sync.calls, wanted, strict=True)
    ] == (wanted)


def test_commands_that_end_well_and_leave_a_schema_as_it_was_are_quoted(db_sync):
    db_sync.pending = lambda service: "sync"
    with pytest.raises(CommandExecutionError, match="of glance on ctl1 still lacks sync.*no room"):
        db_sync.sync("glance")


@pytest.mark.parametrize("found", ["contract", None])
def test_what_is_not_known_or_left_for_later_is_no_failure(db_sync, found):
    db_sync.pending = lambda service: found
    assert db_sync.expand("glance") == {"pending": found}


ERRORS = {
    "no such database": (pymysql.err.OperationalError(1049, "x"), []),
    "no such table": (pymysql.err.ProgrammingError(1146, "x"), []),
    "nobody answers": (pymysql.err.OperationalError(2003, "x"), None),
    "not in a Primary component": (pymysql.err.OperationalError(1047, "x"), None),
    "no reason": (pymysql.err.InterfaceError(), None),
}


@pytest.mark.parametrize(("error", "found"), ERRORS.values(), ids=ERRORS)
def test_a_database_that_is_silent_is_not_without_a_schema(db_sync, monkeypatch, error, found):
    def connect(**options):
        assert options["connect_timeout"]
        assert options["read_timeout"]
        raise error

    monkeypatch.setattr(pymysql, "connect", connect)
    assert db_sync.rows("SELECT 1") == found


@pytest.fixture
def x(db_sync, tmp_path):
    """A service that is there: its program, two files and its package."""
    files = [tmp_path / "one", tmp_path / "two"]
    (tmp_path / "x-manage").touch(mode=0o755)
    for path in files:
        path.touch()
    facts = {"package": "x", "config": [str(one) for one in files]}
    facts["command"] = str(tmp_path / "x-manage")
    db_sync.__utils__ = {"openstack_ha_db_sync.facts": lambda service: facts}
    db_sync.pending = lambda service: "sync"
    return db_sync


def test_a_service_is_ready_with_its_package(x):
    assert x._said("x") == {"is_ready": True, "version": "2:22.0.2", "pending": "sync"}
    x.__salt__ = {"pkg.version": lambda name: ""}
    assert x._said("x") == {"is_ready": True, "version": None, "pending": None}


@pytest.mark.parametrize("name", ["x-manage", "one", "two"])
def test_a_service_is_ready_with_its_program_and_all_of_its_files(x, tmp_path, name):
    assert x.is_ready("x") is True
    (tmp_path / name).unlink()
    assert x.is_ready("x") is False
    assert x._said("x")["is_ready"] is False


def test_a_program_that_nobody_may_run_is_none(x, tmp_path):
    (tmp_path / "x-manage").chmod(0o644)
    assert x.is_ready("x") is False


def test_a_version_of_wheels_is_that_of_the_release_in_use(db_sync, tmp_path):
    for release, version in (("aa", "18.3.0"), ("bb", "26.2.1")):
        described = tmp_path / release / "site-packages" / f"nova-{version}.dist-info"
        described.mkdir(parents=True)
        (described / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: nova\nVersion: {version}\n", encoding="utf-8"
        )
    current = tmp_path / "current"
    facts = {"package": "nova", "libraries": str(current / "site-packages"), "config": []}
    facts["command"] = "true"
    db_sync.__utils__ = {"openstack_ha_db_sync.facts": lambda service: facts}
    db_sync.pending = lambda service: "nothing"
    assert db_sync._said("nova") == {"is_ready": True, "version": None, "pending": None}
    for release, version in (("aa", "18.3.0"), ("bb", "26.2.1")):
        current.unlink(missing_ok=True)
        current.symlink_to(release)
        assert db_sync._said("nova") == {"is_ready": True, "version": version, "pending": "nothing"}


def of_databases(module, **databases):
    """Have the module know a service with these databases, ``{name: (files, what is there)}``."""

    def facts(service):
        return {**rule.facts(service), "databases": {name: one[0] for name, one in known.items()}}

    known = {}
    for name, (folder, kind, have) in databases.items():
        one = {"is_linear": False, "is_numbered": False, "revisions": name, **kind}
        known[name] = ({**one, "migrations": str(folder)}, have)
    module.__utils__ = {**utils(), "openstack_ha_db_sync.facts": facts}
    module.rows = lambda statement: known[statement][1]


def test_one_look_asks_once_for_each_service_and_the_next_one_again(db_sync, tmp_path):
    (tmp_path / "1_initial.py").write_text("revision = 'a'\ndown_revision = None", encoding="utf-8")
    of_databases(db_sync, placement=(tmp_path, {"is_linear": True}, [["a"]]))
    own, asked = db_sync.rows, []
    db_sync.rows = lambda statement: asked.append(statement) or own(statement)
    with db_sync.one_look():
        assert [db_sync.pending("placement") for _ in range(3)] == ["nothing"] * 3
        assert len(asked) == 1
    with db_sync.one_look():
        db_sync.pending("placement")
    for _ in range(2):
        db_sync.pending("placement")
    assert len(asked) == 4


def test_a_look_that_fails_leaves_nothing_behind(db_sync):
    with pytest.raises(ValueError, match="it ends"), db_sync.one_look():
        raise ValueError("it ends")
    assert db_sync.__context__ == {}


def test_placements_migrations_have_no_branches(db_sync, tmp_path):
    (tmp_path / "1_initial.py").write_text("revision = 'a'\ndown_revision = None", encoding="utf-8")
    of_databases(db_sync, placement=(tmp_path, {"is_linear": True}, [["a"]]))
    assert db_sync.pending("placement") == "nothing"


@pytest.mark.parametrize(
    ("api", "cell0", "cell", "lacks"),
    [
        ([[61]], [[390]], [[390]], "nothing"),
        ([[61]], [], [[390]], "sync"),
        ([[61]], [[390]], [[389]], "expand"),
        ([[60]], [], [[390]], "sync"),
        ([[61]], [[390]], None, None),
    ],
)
def test_a_service_lacks_what_any_of_its_databases_lacks(
    db_sync, tmp_path, api, cell0, cell, lacks
):
    for path in ("api/061_last.py", "cell/389_before.py", "cell/390_last.py"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    numbered = {"is_numbered": True}
    of_databases(
        db_sync,
        nova_api=(tmp_path / "api", numbered, api),
        nova_cell0=(tmp_path / "cell", numbered, cell0),
        nova=(tmp_path / "cell", numbered, cell),
    )
    assert db_sync.pending("nova") == lacks


@pytest.mark.parametrize(
    ("service", "mends"),
    [
        ("glance", "`apt-get install --reinstall python3-glance`"),
        ("nova", "`rm -r /opt/openstack_ha/nova/current`, and `salt-call state.highstate`"),
    ],
)
def test_migrations_that_cannot_be_read_are_not_known(db_sync, tmp_path, service, mends):
    (tmp_path / "x.py").write_text("def (", encoding="utf-8")
    of_databases(db_sync, x=(tmp_path, {}, [["a"]]))
    with pytest.raises(
        CommandExecutionError, match=f"which schema {service} needs is not known"
    ) as told:
        db_sync.pending(service)
    assert mends in str(told.value)


def test_what_is_no_service_is_named(db_sync):
    with pytest.raises(CommandExecutionError, match="'x' is no service with a schema"):
        db_sync.sync("x")
