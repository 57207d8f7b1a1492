"""Released wheels of the package index: built once, carried as an archive, taken into use."""

import os
import pathlib
import subprocess

import pytest

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
def places(tmp_path_factory):
    """Where the set runs, and where its archives are."""
    root = tmp_path_factory.mktemp("wheels")
    return {"folder": str(root / "opt" / "trial"), "archives": str(root / "srv")}


@pytest.fixture(scope="module")
def archives(states, modules, places):
    """The archives of both sets by version, built by states: what ``built`` returns."""
    found = {}
    for name, corrections in SETS.items():
        own = {"requirements": REQUIREMENTS, "corrections": corrections, **places}
        for test, result in ((True, None), (False, True), (True, True), (False, True)):
            done = states.openstack_ha_wheels.built(name="trial", **own, test=test)
            assert done.result is result, done.comment
        assert done.changes == {}
        found[name] = modules.openstack_ha_wheels.built("trial", **own)
    return found


@pytest.fixture
def unpacked(states, places):
    """Return a function that takes an archive into use."""

    def take(one, **more):
        return states.openstack_ha_wheels.unpacked(
            name=places["folder"], source=one["archive"], sha256=one["sha256"], **more
        )

    return take


def version(places):
    """What the program says that is in use: it runs by its own Python, with its own library."""
    program = pathlib.Path(places["folder"], "current/bin/chardetect")
    return subprocess.check_output([program, "--version"], text=True).split()[-1]


def test_an_archive_has_its_digest_beside_it(archives):
    for one in archives.values():
        check = ["sha256sum", "--check", f"{os.path.basename(one['archive'])}.sha256"]
        subprocess.run(check, cwd=os.path.dirname(one["archive"]), check=True)


@pytest.mark.parametrize("name", SETS)
def test_a_set_is_taken_into_use(archives, unpacked, places, name):
    shown = unpacked(archives[name], test=True)
    done = unpacked(archives[name])
    assert (shown.result, done.result) == (None, True), done.comment
    assert shown.changes == done.changes != {}
    assert version(places) == name
    for test in (True, False):
        again = unpacked(archives[name], test=test)
        assert (again.result, again.changes) == (True, {})


def test_back_is_to_name_the_one_before_whose_archive_is_not_needed(archives, unpacked, places):
    unpacked(archives[OLD])
    unpacked(archives[NEW])
    done = unpacked({**archives[OLD], "archive": "/nowhere"})
    assert done.result is True, done.comment
    assert version(places) == OLD


def test_what_is_older_than_the_one_before_goes(archives, unpacked, places, modules):
    unpacked(archives[OLD])
    oldest = pathlib.Path(places["folder"], "oldest")
    oldest.mkdir()
    (oldest / ".sha256").write_text("f" * 64, encoding="ascii")
    unpacked(archives[NEW])
    kept = modules.openstack_ha_wheels.releases(places["folder"])["kept"]
    assert set(kept.values()) == {one["release"] for one in archives.values()}
    assert not oldest.exists()


def test_another_archive_is_refused_and_what_runs_stays(archives, unpacked, places, tmp_path):
    unpacked(archives[NEW])
    other = tmp_path / "other.tar.gz"
    other.write_bytes(b"other")
    done = unpacked({"archive": str(other), "sha256": "0" * 64})
    assert done.result is False
    assert f"and not {'0' * 64}; nothing was unpacked" in done.comment
    assert version(places) == NEW


def test_what_was_cut_off_is_begun_anew(archives, unpacked, places):
    """The power goes in the middle: neither a half folder nor a half link is taken for a whole."""
    unpacked(archives[OLD])
    unpacked(archives[NEW])
    place, lost = pathlib.Path(places["folder"]), archives[OLD]["release"]
    subprocess.run(["rm", "-r", place / lost], check=True)
    (place / lost / "bin").mkdir(parents=True)
    (place / ".unpacking-x").mkdir()
    (place / ".next").symlink_to("nowhere")
    done = unpacked(archives[OLD])
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
