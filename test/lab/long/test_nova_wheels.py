"""
Another set of Nova's wheels is taken into use, and the one before it again. It needs a lab of the
profile nova-network.
"""

import json

import pytest
import yaml
from support import ROOT
from swift import site

from lab import images

pytestmark = pytest.mark.usefixtures("mended")

RUNBOOK = "nova-wheels.md"
SECTION = "Back to the set before"
LOCAL = ["salt-call", "--local", "--file-root=/srv/formula", "--retcode-passthrough"]
PARAMETERS = yaml.safe_load(images.PARAMETERS.read_text())
FOLDER = PARAMETERS["nova_wheels"]["folder"]
ARCHIVES = PARAMETERS["wheels"]["archives"]
# Seconds; it compiles on a machine that all hosts share.
BUILD = 3600
SAID = {
    "file": "nova/version.py",
    "text": 'NOVA_PRODUCT = "OpenStack Nova"',
    "replacement": 'NOVA_PRODUCT = "OpenStack Nova again"',
    "why": "it is another set",
}


@pytest.fixture
def other(lab):
    """The release of another set, which the master has built and serves."""
    wheels = yaml.safe_load((ROOT / "openstack_ha/nova/wheels.yaml").read_text(encoding="utf-8"))
    wheels["corrections"].append(SAID)
    arguments = ["nova", json.dumps(wheels["requirements"]), FOLDER, ARCHIVES]
    arguments.append(f"corrections={json.dumps(wheels['corrections'])}")
    host = lab.master.host
    # What compiles, which the lab's master was not left with.
    host.check([*LOCAL, "state.apply", "openstack_ha.nova.wheels"], timeout=BUILD)
    host.check([*LOCAL, "openstack_ha_wheels.build", *arguments], timeout=BUILD)
    built = [*LOCAL, "--out=json", "openstack_ha_wheels.built", *arguments]
    return json.loads(host.check(built))["local"]["release"]


def in_use(lab):
    """The releases that the nodes of Nova have in use, and those that all of them keep."""
    answers = lab.master.salt("*", "openstack_ha_wheels.releases", FOLDER)
    nodes = [one for one in answers.values() if one["kept"]]
    return {one["current"] for one in nodes}, set.intersection(*(set(one["kept"]) for one in nodes))


def test_another_set_and_back(lab, other, serving, follow):
    (before,), _ = in_use(lab)
    content = site.source()
    content["openstack_ha"].setdefault("nova", {})["wheels"] = other
    site.apply(lab, content)
    assert in_use(lab) == ({other}, {other, before})
    serving()
    follow(RUNBOOK, SECTION, number=0)
    content["openstack_ha"]["nova"]["wheels"] = before
    site.give(lab, content)
    lab.master.host.check(["mv", ARCHIVES, f"{ARCHIVES}-away"])
    follow(RUNBOOK, SECTION, number=1)
    lab.master.host.check(["mv", f"{ARCHIVES}-away", ARCHIVES])
    assert in_use(lab) == ({before}, {other, before})
    serving()
    site.apply(lab, site.source())
    assert in_use(lab)[0] == {before}
