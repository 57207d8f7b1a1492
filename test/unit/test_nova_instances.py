"""A compute node's disk for its machines, and what nova-compute looks at before it starts."""

import subprocess

import jinja2
import openstack_ha_disk
import openstack_ha_nova_instances as instances
import pytest
import yaml
from disk_status import BLANK, serving
from runners import load, utils
from salt.exceptions import CommandExecutionError
from support import ROOT

UUID = instances.identity("demo", "cmp1")
SERVES = serving(UUID)
OTHERS = [{"type": "xfs", "label": "cmp2", "uuid": instances.identity("demo", "cmp2")}]


@pytest.fixture
def node(tmp_path):
    """The module on cmp1; ``found`` is what is known of its disk."""
    module = load("_modules", "openstack_ha_nova_instances", __utils__=utils())
    module.TARGET = str(tmp_path / "instances")
    module.found = dict(BLANK)
    module.own = {
        "id": "cmp1.example.org",
        "hostname": "cmp1",
        "compute": {"instances": {"path": "/dev/sdb"}},
    }
    module.__salt__ = {
        "openstack_ha.view": lambda: {"name": "demo", "self": module.own},
        "openstack_ha_disk.status": lambda asked: module.found,
    }
    return module


def test_a_cluster_and_a_node_make_the_identity():
    assert len({UUID, instances.identity("demo", "cmp2"), instances.identity("x", "cmp1")}) == 3
    assert instances.identity("demo", "cmp1") == UUID


def test_a_blank_disk_is_formatted_and_mounted_where_root_alone_writes(node):
    found = node.plan()
    assert found["steps"] == ["format", "close", "mount", "enable", "own"]
    assert found["changes"]["filesystem"]["new"].startswith("xfs ")


def test_a_disk_that_serves_is_left_alone(node, tmp_path):
    (tmp_path / "instances" / "machine").mkdir(parents=True)
    own = instances.identity("demo", "cmp1.example.org")
    node.found = {**SERVES, "mounted": {"source": "/dev/sdb", "uuid": own}}
    assert node.plan() == {"steps": [], "changes": {}, "refusals": []}


def test_another_nodes_machines_are_refused_by_its_name(node):
    node.found["signatures"] = OTHERS
    (refusal,) = node.plan()["refusals"]
    assert "it has xfs label cmp2 uuid" in refusal
    assert "Nothing was done" in refusal


def test_what_is_in_the_folder_is_not_hidden(node, tmp_path):
    (tmp_path / "instances" / "_base").mkdir(parents=True)
    assert node.plan()["steps"] == []
    assert "has 1 entries, as _base, which /dev/sdb would hide" in node.plan()["refusals"][0]


@pytest.mark.parametrize(
    ("found", "why"),
    [
        ({"signatures": None, "error": "there is no /dev/sdb"}, "correct openstack_ha:nodes:cmp1"),
        ({**SERVES, "error": "Input/output error"}, "`journalctl --dmesg` has"),
        ({**SERVES, "mounted": {"source": "/dev/sdc", "uuid": "other"}}, "unmount it"),
        ({"holder": "something uses it"}, "compute:instances:path"),
    ],
)
def test_what_helps_is_said(node, found, why):
    node.found = {**BLANK, **found}
    plan = node.plan()
    assert plan["steps"] == []
    assert why in plan["refusals"][0]


def test_a_node_without_a_disk_of_its_own_says_so(node):
    node.own = {"id": "cmp1", "hostname": "cmp1"}
    with pytest.raises(CommandExecutionError, match="nodes:cmp1:compute:instances is not set"):
        node.status()


def test_the_disk_is_called_as_its_node_is(node):
    asked = []
    disk = load("_modules", "openstack_ha_disk", __utils__=utils())
    disk._check = lambda argv, timeout: asked.append(argv)
    node.__salt__["openstack_ha_disk.apply"] = lambda one, plan: disk._format(one)
    node.apply()
    (argv,) = asked
    assert argv[argv.index("-L") + 1] == "cmp1"


def test_where_the_disk_is_mounted_is_said_once():
    text = (ROOT / "openstack_ha/parameters/Debian-12.yaml").read_text(encoding="utf-8")
    names = yaml.safe_load(text)["nova_instances"]
    module = load("_modules", "openstack_ha_nova_instances")
    assert (names["folder"], names["kept"]) == (module.TARGET, module.KEPT)
    assert f"{names['unit']}.service" == module.UNIT


@pytest.fixture
def check(tmp_path):
    """
    Return a function that runs what nova-compute's unit runs before it; ``mounted`` is the UUID at
    the folder, None where nothing is mounted.
    """
    template = ROOT / "openstack_ha/nova/files/instances-there.jinja"
    text = jinja2.Template(template.read_text(encoding="utf-8")).render(
        os={
            "nova_instances": {
                "folder": str(tmp_path / "instances"),
                "kept": str(tmp_path / "kept"),
                "machines": str(tmp_path / "machines"),
                "unit": "the-unit",
            }
        }
    )
    for name in ("instances", "machines", "bin"):
        (tmp_path / name).mkdir()

    def run(mounted=None):
        for name, said in (("findmnt", mounted and "/dev/vdb"), ("blkid", mounted)):
            program = tmp_path / "bin" / name
            program.write_text(f"#!/bin/sh\n{f'echo {said}' if said else 'exit 1'}\n")
            program.chmod(0o755)
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
        return subprocess.run(
            ["sh", "-c", text], env={"PATH": path}, capture_output=True, text=True, check=False
        )

    return run


def machine(folder, name):
    """Have libvirt know a machine, and return the place of its disk."""
    disk = folder / "instances" / name / "disk"
    (folder / "machines" / f"{name}.xml").write_text(
        f"<domain>\n  <disk>\n    <source file='{disk}'/>\n  </disk>\n</domain>\n"
    )
    return disk


def test_a_node_without_a_disk_or_machines_starts(check):
    assert check().returncode == 0


@pytest.mark.parametrize(
    ("mounted", "said"),
    [(None, "the disk with the UUID u1 is not mounted"), ("u2", "with the UUID u2 and not u1")],
)
def test_a_disk_that_is_not_there_is_named(check, tmp_path, mounted, said):
    (tmp_path / "kept").write_text("# Written by Salt.\nUUID=u1\n")
    found = check(mounted)
    assert found.returncode == 1
    assert said in found.stderr and "systemctl restart the-unit" in found.stderr
    assert check("u1").returncode == 0


def test_machines_of_which_no_disk_is_there_are_named(check, tmp_path):
    disks = [machine(tmp_path, name) for name in ("one", "two")]
    found = check()
    assert found.returncode == 1
    assert "libvirt knows machines here, and none of their disks is there" in found.stderr
    # One that is lost is Nova's to tell.
    disks[1].parent.mkdir()
    disks[1].touch()
    assert check().returncode == 0


def test_a_plan_that_is_refused_is_shown_so_in_both_modes():
    refused = openstack_ha_disk.refused("it is another's")
    for is_test in (True, False):
        shown = openstack_ha_disk.shown(refused, is_test)
        assert shown == {"result": False, "changes": {}, "comment": "it is another's"}
