"""Keystone's module: keys come and go one by one, whole, and its password is no argument."""

import os
import pathlib
import types

import openstack_ha_fernet as fernet
import pytest
from runners import Clock, load, utils
from salt.exceptions import CommandExecutionError

PASSWORD = "the-administrators-password"


@pytest.fixture
def keystone(tmp_path):
    """The module on a host whose repositories are below a folder."""
    folders = {name: str(tmp_path / "etc" / f"{name}-keys") for name in ("fernet", "credential")}
    (tmp_path / "etc").mkdir()
    own = types.SimpleNamespace(pw_uid=os.getuid(), pw_gid=os.getgid())
    module = load("_modules", "openstack_ha_keystone", __opts__={"id": "ctl1"}, __grains__={})
    module.__utils__ = {**utils(), "openstack_ha_keystone.repositories": lambda: folders}
    module.pwd = types.SimpleNamespace(getpwnam=lambda name: own)
    module.CONFIRMED = tmp_path / "lib" / "confirmed"
    module.folders = folders
    module.pillar = {}
    pillar = types.SimpleNamespace(compile_pillar=lambda: module.pillar)
    module.salt = types.SimpleNamespace(
        crypt=module.salt.crypt,
        pillar=types.SimpleNamespace(get_pillar=lambda *args, **kwargs: pillar),
    )
    return module


def give(keystone, keyring):
    own = {f"{name}_keys": keyring[name] for name in ("fernet", "credential")}
    keystone.pillar = {"openstack_ha": {"secrets": {"keystone": own}}}


def content(folder):
    return {path.name: path.read_text(encoding="ascii") for path in pathlib.Path(folder).iterdir()}


def rotated():
    before = fernet.created(0)
    return before, fernet.rotated(before, 3600, 0)


def test_keys_of_the_pillar_are_taken_whole(keystone):
    before, after = rotated()
    for keyring in (before, after):
        give(keystone, keyring)
        told = keystone.take_keys()
        for name, folder in keystone.folders.items():
            assert content(folder) == keyring[name]
            assert told[name] == fernet.fingerprints(keyring[name])
            modes = {path.stat().st_mode & 0o777 for path in pathlib.Path(folder).iterdir()}
            assert (modes, pathlib.Path(folder).stat().st_mode & 0o777) == ({0o600}, 0o700)
    beside = {path.name for path in pathlib.Path(folder).parent.iterdir()}
    assert beside == {"fernet-keys", "credential-keys"}, "nothing is left beside them"
    assert keystone.CONFIRMED.exists()


def test_a_key_that_encrypts_is_known_before_and_each_step_is_whole(keystone, monkeypatch):
    """At no moment is there a set that lacks the former primary key, or a file that is no key."""
    before = fernet.created(0)
    for hour in range(3):
        before = fernet.rotated(before, hour, 10**6)
    after = fernet.rotated(before, 4, 10**6)
    give(keystone, before)
    keystone.take_keys()
    folder, seen, written = keystone.folders["fernet"], [], []

    def replace(path, target, former=pathlib.Path.replace):
        assert path.stat().st_dev == pathlib.Path(folder).stat().st_dev
        assert path in written, "it is not on the disk"
        written.clear()
        former(path, target)
        seen.append(content(folder))

    def fsync(handle, former=os.fsync):
        if os.path.isfile(f"/proc/self/fd/{handle}"):
            written.append(pathlib.Path(os.readlink(f"/proc/self/fd/{handle}")))
        former(handle)

    monkeypatch.setattr(keystone.os, "fsync", fsync)
    monkeypatch.setattr(pathlib.Path, "replace", replace)
    give(keystone, after)
    keystone.take_keys()
    assert len(seen) == len(after["fernet"])
    for one in seen:
        assert all(map(fernet.is_key, one.values()))
        # A new primary key is one that the others have; the staged one is new to all.
        assert one[fernet.primary(one)] in before["fernet"].values()
        assert set(before["fernet"].values()) - {before["fernet"]["0"]} <= set(one.values())
        known = set(before["fernet"].values()) | {one["0"]}
        assert set(one.values()) <= known
    order = [
        next(k for k in one if one[k] != was.get(k))
        for was, one in zip([before["fernet"], *seen], seen, strict=False)
        if one != was
    ]
    assert order == [fernet.primary(after["fernet"]), "0"], "the staged key is the last one"


def test_each_key_is_written_in_the_order_of_its_index(keystone, monkeypatch):
    placed = []

    def replace(path, target, former=pathlib.Path.replace):
        placed.append(path.name)
        former(path, target)

    monkeypatch.setattr(pathlib.Path, "replace", replace)
    keys = {index: fernet.created(0)["fernet"]["0"] for index in ("0", "9", "10", "11")}
    give(keystone, {"fernet": keys, "credential": fernet.created(0)["credential"]})
    keystone.take_keys()
    assert placed[:4] == ["9", "10", "11", "0"]


@pytest.mark.parametrize(
    "pillar",
    [
        {},
        {"openstack_ha": {"secrets": {"keystone": {"fernet_keys": {"0": "x", "1": "y"}}}}},
        {"openstack_ha": {"secrets": {"keystone": {"fernet_keys": {}}}}},
    ],
    ids=["nothing", "no keys", "none at all"],
)
def test_keys_that_are_none_replace_none(keystone, pillar):
    give(keystone, fernet.created(0))
    keystone.take_keys()
    kept = {name: content(folder) for name, folder in keystone.folders.items()}
    keystone.pillar = pillar
    with pytest.raises(CommandExecutionError, match="has no good openstack_ha:secrets:keystone"):
        keystone.take_keys()
    assert {name: content(folder) for name, folder in keystone.folders.items()} == kept


def test_a_pillar_with_faults_gives_no_keys(keystone):
    keystone.pillar = {"_errors": ["vip: is missing"]}
    with pytest.raises(CommandExecutionError, match="vip: is missing"):
        keystone.take_keys()


def test_who_cannot_be_read_is_not_without_keys(keystone):
    assert keystone.fingerprints() == {"fernet": {}, "credential": {}}
    pathlib.Path(keystone.folders["fernet"]).write_text("no folder", encoding="utf-8")
    with pytest.raises(CommandExecutionError, match="cannot be read"):
        keystone.fingerprints()


def test_a_clock_that_was_set_back_confirms_nothing(keystone):
    clock = Clock(now=10**9)
    keystone.time = clock.module()
    assert keystone._age() is None
    keystone.CONFIRMED.parent.mkdir()
    keystone.CONFIRMED.touch()
    os.utime(keystone.CONFIRMED, (10**9 - 5, 10**9 - 5))
    assert keystone._age() == 5
    clock.now -= 6
    assert keystone._age() is None


def bootstrapped(keystone, answer=b"OK\r\n"):
    told, asked = [], []

    class Cache:
        def __init__(self, address, timeout):
            asked.append(address)
            assert timeout

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            return None

        def sendall(self, data):
            assert data == b"flush_all\r\n"

        def recv(self, _size):
            return answer

    def manage(service, arguments, timeout, env):
        assert len(asked) == 3, "all caches forget before"
        told.append((service, arguments, env))

    keystone.socket = types.SimpleNamespace(create_connection=Cache)
    view = {
        "controllers": [{"address": f"10.0.0.{one}"} for one in (1, 2, 3)],
        "memcached": {"port": 11211},
        "keystone": {"port": 5000, "region": "RegionOne"},
        "vip": {"fqdn": "cloud.example.org"},
    }
    keystone.__salt__ = {
        "openstack_ha.view": lambda: view,
        "openstack_ha.secret": lambda path: PASSWORD,
        "openstack_ha_db_sync.manage": manage,
        "openstack_ha_db_sync.rows": lambda statement: [[1]],
    }
    return told


def test_the_first_password_is_no_argument(keystone):
    told = bootstrapped(keystone)
    assert keystone.bootstrap() == {"is_bootstrapped": True}
    ((service, arguments, env),) = told
    assert (service, arguments[:2]) == (
        "keystone",
        ["bootstrap", "--bootstrap-region-id=RegionOne"],
    )
    assert len([one for one in arguments if "https://cloud.example.org:5000" in one]) == 3
    assert PASSWORD not in " ".join(arguments)
    assert env == {"OS_BOOTSTRAP_PASSWORD": PASSWORD}


def test_a_cache_that_does_not_forget_is_named(keystone):
    told = bootstrapped(keystone, b"ERROR\r\n")
    with pytest.raises(CommandExecutionError, match="memcached at 10.0.0.1:11211 answers"):
        keystone.bootstrap()
    assert told == []


@pytest.mark.parametrize(("rows", "is_there"), [(None, None), ([[0]], False), ([], False)])
def test_an_administrator_that_is_not_known_is_not_absent(keystone, rows, is_there):
    keystone.__salt__ = {"openstack_ha_db_sync.rows": lambda statement: rows}
    assert keystone._is_bootstrapped() is is_there
