"""What Tempest is told, what is expected of its smoke tests, and what came of them."""

import configparser
import re
from pathlib import Path

import pytest
import yaml
from smoke import suite
from support import ROOT

from lab import images

KNOWN = yaml.safe_load((ROOT / "test/lab/long/tempest.yaml").read_text(encoding="utf-8"))
CLOUD = {
    "auth": {
        "auth_url": "https://cloud.example.org:5000/v3",
        "username": "admin",
        "password": "half%way",
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    },
    "region_name": "RegionOne",
    "cacert": "/etc/ssl/certs/ca-certificates.crt",
}
NAME = "compute.flavors.test_flavors.FlavorsV2TestJSON.test_get_flavor"
CLASS = NAME.rpartition(".")[0]
CASE = f"tempest.api.{NAME}[id-1f12046b,smoke]"


def every():
    groups = [*KNOWN["skipped"], *KNOWN["failed"]]
    return [*KNOWN["passed"], *(name for group in groups for name in group["tests"])]


def test_each_test_is_expected_to_have_one_fate():
    assert sorted(every()) == sorted(suite.expected(KNOWN, KNOWN["parts"]))


def test_what_does_not_pass_has_a_reason():
    assert all(group["why"] and group["tests"] for group in KNOWN["skipped"] + KNOWN["failed"])


@pytest.mark.parametrize("name", every())
def test_each_test_is_one_that_would_be_chosen(name):
    case = f"tempest.api.{name}[id-1f12046b-753d-40d2-abb6-d8eb8b30cb2f,network,smoke]"
    assert re.search(suite.regex(KNOWN["parts"]), case)
    assert suite.CASE.fullmatch(case)[1] == name


def test_a_part_is_chosen_by_whole_words_and_for_smoke_only():
    chosen = re.compile(suite.regex(["compute.servers", "image"]))
    assert chosen.search("tempest.api.compute.servers.test_x.Y.test_z[id-1,smoke]")
    assert chosen.search("tempest.api.image.v2.test_x.Y.test_z[id-1,network,smoke]")
    assert not chosen.search("tempest.api.images.v2.test_x.Y.test_z[id-1,smoke]")
    assert not chosen.search("tempest.api.image.v2.test_x.Y.test_z[id-1,smokeless]")
    assert not chosen.search("tempest.api.image.v2.test_smoke.Y.test_z[id-1]")
    fates = suite.expected(KNOWN, ["image"])
    assert fates
    assert all(name.startswith("image.") for name in fates)


def written(settings):
    parser = configparser.RawConfigParser()
    parser.read_string(suite.configuration(settings, CLOUD, {"image_ref": "one"}))
    return parser


def test_the_configuration_has_what_is_set_and_what_the_lab_knows():
    parser = written(KNOWN["settings"])
    for section, settings in KNOWN["settings"].items():
        assert {key: parser[section][key] for key in settings} == {
            key: str(value) for key, value in settings.items()
        }
    assert parser["identity"]["uri_v3"] == CLOUD["auth"]["auth_url"]
    assert parser["identity"]["ca_certificates_file"] == CLOUD["cacert"]
    assert parser["auth"]["admin_password"] == "half%way"
    assert parser["compute"]["image_ref"] == "one"
    for service in ("identity", "compute", "image", "object-storage"):
        assert parser[service]["region"] == "RegionOne"


def test_what_the_lab_knows_goes_before_what_is_set():
    assert written({"compute": {"image_ref": "two"}})["compute"]["image_ref"] == "one"


def test_a_test_has_its_own_fate():
    records = [[CASE, "exists", ""], [CASE, "success", ""]]
    assert suite.outcomes(records) == {NAME: ("passed", "")}


@pytest.mark.parametrize(
    ("status", "fate"), [("skip", "skipped"), ("fail", "failed"), ("inprogress", "failed")]
)
def test_a_test_that_did_not_run_shares_its_classs_fate(status, fate):
    records = [[CASE, "exists", ""], [f"setUpClass (tempest.api.{CLASS})", status, "so it is\n"]]
    assert suite.outcomes(records) == {NAME: (fate, "so it is")}


def test_a_test_that_nobody_tells_of_has_failed():
    assert suite.outcomes([[CASE, "exists", ""]])[NAME].fate == "failed"


def test_a_class_that_leaves_something_behind_has_failed():
    cleanup = [f"tearDownClass (tempest.api.{CLASS})", "fail", "in use"]
    found = suite.outcomes([[CASE, "success", ""], cleanup])
    assert found == {NAME: ("passed", ""), f"{CLASS}.tearDownClass": ("failed", "in use")}


def test_each_requirement_has_one_version_and_a_hash():
    text = Path(images.IMAGE_DIR, "tempest/requirements.txt").read_text(encoding="utf-8")
    lines = [line for line in text.replace("\\\n", " ").splitlines() if not line.startswith("#")]
    pin = re.compile(r"[a-z0-9.-]+==\S+(\s+--hash=sha256:[0-9a-f]{64})+")
    assert [line for line in lines if not pin.fullmatch(line.strip())] == []
