"""Sets of released wheels: what is pinned, and which folder is whose."""

import openstack_ha_wheels as wheels
import pytest
import yaml
from packaging.utils import canonicalize_name
from support import ROOT

HASH = f"--hash=sha256:{'0a' * 32}"
ONE, OTHER = f"nova==18.3.0 {HASH}", f"oslo.config==9.0.0 {HASH} {HASH}"


def test_a_version_with_its_hashes_is_pinned():
    assert wheels.faults([ONE, OTHER]) == []


@pytest.mark.parametrize(
    "text", ["nova", f"nova {HASH}", "nova==18.3.0", f"nova>=18 {HASH}", ONE[:-1], f"-e . {HASH}"]
)
def test_everything_else_is_named(text):
    (line,) = wheels.faults([ONE, text])
    assert repr(text) in line


def test_a_folder_is_of_one_set_whatever_its_order():
    platform = "cpython-311 linux-x86_64"
    first = wheels.release([ONE, OTHER], [], platform)
    assert first == wheels.release([OTHER, ONE], [], platform)
    assert first != wheels.release([ONE], [], platform)
    assert first != wheels.release([ONE, OTHER], [CORRECTION], platform)
    assert first != wheels.release([ONE, OTHER], [], "cpython-313 linux-x86_64")


CORRECTION = {"file": "nova/x.py", "text": "async=", "replacement": "async_=", "why": "Python 3.7"}


def test_a_correction_takes_the_place_of_what_is_wrong():
    assert wheels.corrected("f(async=True)", CORRECTION) == "f(async_=True)"


@pytest.mark.parametrize("text", ["f()", "f(async=True, async=False)"])
def test_what_is_not_there_once_is_not_corrected(text):
    with pytest.raises(ValueError, match=r"nova/x.py: 'async=' is there [02] times .*Python 3.7"):
        wheels.corrected(text, CORRECTION)


def test_what_builds_the_others_is_known():
    builders = [f"{name} {HASH}" for name in ("setuptools==65.7.0", "wheel==0.48.0")]
    assert wheels.builders([ONE, *builders, f"wheel-x==1 {HASH}"]) == builders


@pytest.mark.parametrize(
    ("text", "expected"), [("0a1b  nova.tar.gz\n", "0a1b"), ("", None), (False, None), (None, None)]
)
def test_a_note_says_a_digest_or_none(text, expected):
    assert wheels.noted(text) == expected


NOVA = yaml.safe_load((ROOT / "openstack_ha/nova/wheels.yaml").read_text(encoding="utf-8"))


def test_novas_set_is_pinned_each_once_with_what_builds_it():
    names = [canonicalize_name(one.partition("==")[0]) for one in NOVA["requirements"]]
    assert wheels.faults(NOVA["requirements"]) == []
    assert sorted(set(names)) == sorted(names)
    assert {one.partition("==")[0] for one in wheels.builders(NOVA["requirements"])} == (
        wheels.BUILDERS
    )


def test_novas_corrections_say_what_takes_the_place_of_what_and_why():
    for one in NOVA["corrections"]:
        assert set(one) == {"file", "text", "replacement", "why"}
        assert one["text"] != one["replacement"]
    asked = [(one["file"], one["text"]) for one in NOVA["corrections"]]
    assert len(set(asked)) == len(asked)
