"""
Tempest's smoke tests of identity, images, machines and objects, through the VIP.

`tempest.yaml` says what becomes of each of them, and why, where one does not pass; whatever else
comes of one is a fault of ours, also when it passes unexpectedly. Tempest makes a project and users
of its own for each class of tests. TEMPEST_TESTS names parts of theirs to run instead of all, with
spaces: `compute.servers image`. It needs a lab of the profile nova-network.
"""

import collections
import json
import os
import shlex
from pathlib import Path

import outside
import pytest
import yaml
from machines.cloud import Cloud
from smoke import suite

from lab.deployment import CLOUDS
from lab.images import Images

KNOWN = yaml.safe_load(Path(__file__).with_name("tempest.yaml").read_text())
ID = "tempest"
NUMBER = 202
WORKSPACE, PROGRAMS = "/opt/tempest/workspace", "/opt/tempest/bin"
CONFIG, STREAM = f"{WORKSPACE}/etc/tempest.conf", "/tmp/tempest.subunit"
RECORDS = "/opt/tempest/records.py"
HOURS = 2
# Megabytes of a machine that is not like the others.
OTHER = 256


@pytest.fixture(scope="module")
def made(lab, mended_once):
    """What Tempest's machines are made of."""
    cloud = Cloud(lab)
    cloud.ask("role", KNOWN["settings"]["object-storage"]["reseller_admin_role"])
    image, flavor = cloud.made["image"], cloud.made["flavor"]
    return {
        "image_ref": image,
        "image_ref_alt": image,
        "flavor_ref": flavor,
        "flavor_ref_alt": cloud.ask("flavor", f"trial-{OTHER}", OTHER),
    }


@pytest.fixture(scope="module")
def tempest(lab, made):
    """A host outside the cluster that has Tempest, and its configuration."""
    cloud = yaml.safe_load(lab.client.read(CLOUDS))["clouds"]["admin"]
    with outside.host(lab, ID, NUMBER, Images(lab.docker, print).tempest()) as host:
        lab.introduce(host)
        host.write(CONFIG, suite.configuration(KNOWN["settings"], cloud, made), mode=0o600)
        host.write(RECORDS, Path(suite.__file__).with_name("records.py").read_text())
        yield host


def test_smoke_tests_pass_but_for_those_that_are_explained(tempest, figure):
    chosen = os.environ.get("TEMPEST_TESTS", "").split() or KNOWN["parts"]
    command = (
        f"cd {WORKSPACE} && {PROGRAMS}/tempest run --config-file {CONFIG} --serial "
        f"--regex {shlex.quote(suite.regex(chosen))} --subunit > {STREAM}"
    )
    # How it ends says nothing of the tests: what came of each is in the stream.
    done = tempest.run(["sh", "-c", command], timeout=HOURS * 3600)
    records = tempest.check([f"{PROGRAMS}/python", RECORDS, STREAM])
    found = suite.outcomes(json.loads(records))
    for name, outcome in sorted(found.items()):
        if outcome.fate == "failed":
            print(name, outcome.why[-4000:], sep="\n")
    print(done.err[-4000:])
    fates = collections.Counter(outcome.fate for outcome in found.values())
    for fate in ("passed", "skipped", "failed"):
        figure(f"smoke tests {fate}", fates[fate])
    wanted = suite.expected(KNOWN, chosen)
    assert wanted, f"no smoke test is in {chosen}"
    assert {name: outcome.fate for name, outcome in found.items()} == wanted
