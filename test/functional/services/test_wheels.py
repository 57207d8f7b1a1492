"""Released wheels of the package index: built once, carried as an archive, taken into use."""

import os
import pathlib
import shutil
import subprocess

import pytest
from saltfactories.utils.functional import Loaders
from support import formula_root, minion_options, pillar_root

# Of the wheel on PyPI.
DIGEST = "e1cf59446890a00105fe7b7912492ea04b6e6f06d4b742b2c788469e34c82970"
REQUIREMENTS = [f"chardet==5.2.0 --hash=sha256:{DIGEST}"]
CORRECTION = {
    "file": "chardet/version.py",
    "text": '__version__ = "5.2.0"',
    "replacement": '__version__ = "5.2.0+trial"',
    "why": "it is not the released one",
}
# By the version that each says it is.
SETS = {"5.2.0": [], "5.2.0+trial": [CORRECTION]}
OLD, NEW = SETS


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("wheels")


@pytest.fixture(scope="module")
def places(root):
    """Where the set runs, and where its archives are."""
    return {"folder": str(root / "opt" / "trial"), "archives": str(root / "srv")}


@pytest.fixture(scope="module")
def loaders(root, places, cluster):
    """Those of a minion that is served the archives."""
    formula, pillar = formula_root(root / "formula"), pillar_root(root / "pillar", cluster)
    options = minion_options(root, "ctl1", formula, pillar)
    options["file_roots"]["openstack_ha_wheels"] = [places["archives"]]
    return Loaders(options)


@pytest.fixture(scope="module")
def modules(loaders):
    return loaders.modules


@pytest.fixture(scope="module")
def states(loaders):
    return loaders.states


@pytest.fixture(scope="module")
def archives(states, modules, places):
    """The archives of both sets by version, built by states: what ``built`` returns."""
    found = {}
    for name in SETS:
        own = {**of(name), **places}
        for test, result in ((True, None), (False, True), (True, True), (False, True)):
            done = states.openstack_ha_wheels.built(name="trial", **own, test=test)
            assert done.result is result, done.comment
        assert done.changes == {}
        found[name] = modules.openstack_ha_wheels.built("trial", **own)
    return found


def of(name):
    """What a set is made of."""
    return {"requirements": REQUIREMENTS, "corrections": SETS[name]}


@pytest.fixture
def unpacked(states, places):
    """Return a function that takes a set into use."""

    def take(name, **more):
        return states.openstack_ha_wheels.unpacked(
            name=places["folder"], label="trial", wheels=of(name), built_by="trial.wheels", **more
        )

    return take


@pytest.fixture
def nothing(places):
    """No set was ever unpacked."""
    shutil.rmtree(places["folder"], ignore_errors=True)


@pytest.fixture
def unserved(archives, places, tmp_path):
    """The master serves no archive."""
    away = tmp_path / "away"
    pathlib.Path(places["archives"]).rename(away)
    yield
    away.rename(places["archives"])


def version(places):
    """What the program says that is in use: it runs by its own Python, with its own library."""
    program = pathlib.Path(places["folder"], "current/bin/chardetect")
    return subprocess.check_output([program, "--version"], text=True).split()[-1]


def test_an_archive_has_its_digest_beside_it(archives):
    for one in archives.values():
        check = ["sha256sum", "--check", f"{os.path.basename(one['archive'])}.sha256"]
        subprocess.run(check, cwd=os.path.dirname(one["archive"]), check=True)


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_taken_into_use(archives, unpacked, places, nothing, name):
    shown = unpacked(name, test=True)
    done = unpacked(name)
    assert (shown.result, done.result) == (None, True), done.comment
    assert shown.changes == done.changes
    assert done.changes == {places["folder"]: {"old": None, "new": archives[name]["release"]}}
    assert version(places) == name
    for test in (True, False):
        again = unpacked(name, test=test)
        assert (again.result, again.changes) == (True, {})


def test_back_is_the_one_before_whose_archive_is_not_needed(archives, unpacked, places, request):
    unpacked(OLD)
    unpacked(NEW)
    request.getfixturevalue("unserved")
    done = unpacked(OLD)
    assert done.result is True, done.comment
    assert version(places) == OLD


def test_a_release_that_is_named_is_the_one_in_use(archives, unpacked, places):
    unpacked(NEW)
    named = archives[OLD]["release"]
    for more in ({"test": True}, {}):
        done = unpacked(NEW, release=named, **more)
        assert done.changes == {places["folder"]: {"old": archives[NEW]["release"], "new": named}}
    assert version(places) == OLD
    again = unpacked(NEW, release=named)
    assert (again.result, again.changes) == (True, {})


def test_what_is_older_than_the_one_before_goes(archives, unpacked, places, modules):
    unpacked(OLD)
    oldest = pathlib.Path(places["folder"], "oldest")
    oldest.mkdir()
    (oldest / ".sha256").write_text("f" * 64, encoding="ascii")
    unpacked(NEW)
    found = modules.openstack_ha_wheels.releases(places["folder"])
    assert found["current"] == archives[NEW]["release"]
    assert found["kept"] == {one["release"]: one["sha256"] for one in archives.values()}
    assert not oldest.exists()


def test_what_is_not_served_is_shown_and_refused_with_the_way_out(nothing, unserved, unpacked):
    shown = unpacked(OLD, test=True)
    done = unpacked(OLD)
    assert (shown.result, done.result) == (None, False)
    assert "nor served by the master" in done.comment
    assert "state.apply trial.wheels` on the master builds it" in done.comment


def test_a_release_that_nobody_has_is_refused_and_what_runs_stays(archives, unpacked, places):
    unpacked(NEW)
    done = unpacked(NEW, release="0" * 16)
    assert done.result is False
    assert f"trial-{'0' * 16}.tar.gz is neither unpacked" in done.comment
    assert "the cluster file names it" in done.comment
    assert version(places) == NEW


def test_another_archive_is_refused_and_what_runs_stays(archives, unpacked, nothing, places):
    unpacked(NEW)
    archive = pathlib.Path(archives[OLD]["archive"])
    whole = archive.read_bytes()
    archive.write_bytes(b"other")
    try:
        done = unpacked(OLD)
    finally:
        archive.write_bytes(whole)
    assert done.result is False
    assert f"and not {archives[OLD]['sha256']}; nothing was unpacked" in done.comment
    assert version(places) == NEW


def test_what_was_cut_off_is_begun_anew(archives, unpacked, places):
    """The power goes in the middle: neither a half folder nor a half link is taken for a whole."""
    unpacked(OLD)
    unpacked(NEW)
    place, lost = pathlib.Path(places["folder"]), archives[OLD]["release"]
    subprocess.run(["rm", "-r", place / lost], check=True)
    (place / lost / "bin").mkdir(parents=True)
    (place / ".unpacking-x").mkdir()
    (place / ".next").symlink_to("nowhere")
    done = unpacked(OLD)
    assert done.result is True, done.comment
    assert version(places) == OLD
    assert {one.name for one in place.iterdir() if one.name.startswith(".")} == set()


def test_a_correction_that_finds_nothing_is_refused(states, places):
    nowhere = {**CORRECTION, "file": "chardet/none.py"}
    own = {"requirements": REQUIREMENTS, "corrections": [nowhere], **places}
    done = states.openstack_ha_wheels.built(name="bad", **own)
    assert done.result is False
    assert "is not corrected" in done.comment


@pytest.mark.parametrize(
    ("requirement", "text"),
    [
        ("chardet==5.2.0", "is not pinned"),
        (f"chardet==5.2.0 --hash=sha256:{'0' * 64}", "DO NOT MATCH THE HASHES"),
    ],
    ids=["no hash", "another hash"],
)
def test_what_is_not_pinned_or_another_file_is_not_built(states, places, requirement, text):
    done = states.openstack_ha_wheels.built(name="bad", requirements=[requirement], **places)
    assert done.result is False
    assert text in done.comment
    assert not list(pathlib.Path(places["archives"]).glob("*bad*"))
