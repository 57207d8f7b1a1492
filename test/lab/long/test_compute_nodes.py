"""Compute nodes that Nova does not know, or knows too well: their runbook, carried out."""

import pytest
from support import sql

from lab.waiting import PATIENCE, wait_for, wait_while

pytestmark = pytest.mark.usefixtures("mended")

RUNBOOK = "compute-nodes.md"
OPENSTACK = "openstack --os-cloud admin compute service"
MANAGE = "/opt/openstack_ha/nova/current/bin/nova-manage cell_v2"
# What Nova keeps of a node that is no more, as a copy of cmp1's rows under another name.
COPIES = """
CREATE TEMPORARY TABLE nova.one SELECT * FROM nova.{table}
  WHERE host = 'cmp1' AND deleted = 0 AND {which} LIMIT 1;
UPDATE nova.one SET id = (SELECT MAX(id) + 1 FROM nova.{table}), host = 'cmp9', uuid = UUID(){more};
INSERT INTO nova.{table} SELECT * FROM nova.one
"""


# A scheduler that has started as far as systemd knows, and does nothing.
ASLEEP = """[Service]
ExecStart=
ExecStart=/bin/sh -c "systemd-notify --ready; exec sleep infinity"
"""
DROP_IN = "/run/systemd/system/nova-scheduler.service.d"


def verdicts(lab):
    decisions = lab.master.run("openstack_ha_coordinator.plan", "demo", "nova")["decisions"]
    return {one.get("subject", "cell"): one["verdict"] for one in decisions}


def settled(lab):
    def lacking():
        found = verdicts(lab)
        return found if set(found.values()) != {"settled"} else None

    wait_while(lacking, PATIENCE, "cell and services to be settled")


def test_all_is_there(lab, follow):
    follow(RUNBOOK, "By itself")
    settled(lab)


def test_a_service_that_was_deleted_while_it_ran(lab, follow, refusal):
    settled(lab)
    listed = f"{OPENSTACK} list --service nova-compute --host cmp1 -f value -c ID"
    lab.node("ctl1").check(["sh", "-c", f"{OPENSTACK} delete $({listed})"])
    place = refusal("nova")
    assert place == (RUNBOOK, "A compute node does not register")
    follow(*place)
    settled(lab)
    mapped = sql(lab.node("ctl1"), "SELECT host FROM nova_api.host_mappings")
    assert "cmp1" in mapped.split()


def test_a_second_cell(lab, follow, refusal):
    settled(lab)
    uuid = sql(lab.node("ctl1"), "SELECT uuid FROM nova_api.cell_mappings WHERE name = 'cell1'")
    database = "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell0"
    made = f"{MANAGE} create_cell --name cell1 --database_connection '{database}'"
    lab.node("ctl1").check(["sh", "-c", f"{made} --transport-url rabbit://nobody/"])
    place = refusal("nova")
    assert place == (RUNBOOK, "There are several cells")
    follow(*place)
    settled(lab)
    left = sql(lab.node("ctl1"), "SELECT uuid FROM nova_api.cell_mappings WHERE name = 'cell1'")
    assert left == uuid


def test_a_node_that_is_no_more(lab, follow, refusal):
    settled(lab)
    service = COPIES.format(table="services", which="`binary` = 'nova-compute'", more="")
    node = COPIES.format(table="compute_nodes", which="TRUE", more=", hypervisor_hostname = 'cmp9'")
    for statements in (service, node):
        sql(lab.node("ctl1"), statements)
    place = refusal("nova")
    assert place == (RUNBOOK, "A host is no compute node of the cluster file")
    follow(*place)
    settled(lab)


@pytest.fixture
def asleep(lab):
    """The next start of ctl1's scheduler is of one that does nothing; a function that ends that."""
    host = lab.node("ctl1")

    def end():
        host.check(["rm", "-rf", DROP_IN])
        host.check(["systemctl", "daemon-reload"])

    host.write(f"{DROP_IN}/asleep.conf", ASLEEP)
    host.check(["systemctl", "daemon-reload"])
    yield end
    end()
    host.check(["systemctl", "restart", "nova-scheduler"])


def test_a_service_that_hangs_before_and_after_its_restart(lab, follow, refusal, asleep):
    settled(lab)
    host = lab.node("ctl1")
    start = ["systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "nova-scheduler"]
    before = host.check(start)
    host.check(["systemctl", "kill", "--signal=SIGSTOP", "nova-scheduler"])
    place = refusal("nova")
    assert place == (RUNBOOK, "A service of Nova stays silent")
    assert host.check(start) != before, "it was restarted"
    asleep()
    follow(*place)
    settled(lab)


def test_machines_whose_disks_are_gone(lab, follow):
    """One that libvirt knows, whose disk nobody has."""
    host = lab.node("cmp1")
    source = "/var/lib/nova/instances/of-a-test/disk"
    machine = (
        "<domain type='qemu'><name>of-a-test</name><memory>65536</memory><os><type>hvm</type></os>"
        f"<devices><disk type='file'><source file='{source}'/><target dev='vda'/></disk></devices>"
        "</domain>"
    )
    host.check(["sh", "-c", f'echo "{machine}" | virsh define /dev/stdin'])
    host.run(["systemctl", "restart", "nova-compute"])
    assert source in host.check(["journalctl", "--unit=nova-compute", "--lines=20"])
    follow(RUNBOOK, "A compute node has lost its machines' disks")

    def runs():
        return host.check(["systemctl", "show", "--property=ActiveState", "nova-compute"])

    wait_for(lambda: "=active" in runs(), PATIENCE, "nova-compute to run")
