"""
The runbooks, carried out on real hosts: each outage is made, and its section is followed.

Where the master refuses, the section is the one that the refusal names.
"""

import pytest
from support import cluster_size

from lab.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.usefixtures("mended")


def test_a_split_heals(lab, serving, follow):
    lab.node("ctl2").partition()
    wait_for(lambda: cluster_size(lab.node("ctl1")) == 2, PATIENCE, "the majority to go on")
    lab.node("ctl2").heal()
    follow("split.md", "By itself")


def test_a_server_that_hangs(lab, serving, follow):
    node = lab.node("ctl2")
    node.check(["systemctl", "stop", "mariadb"])
    node.check(["systemctl", "start", "--no-block", "mariadb"])
    node.check(["sh", "-c", "until pkill -STOP -x mariadbd; do sleep 0.2; done"])
    follow("lost-node.md", "A server neither starts nor stops")


def test_a_minion_without_modules(lab, serving, follow):
    node = lab.node("ctl2")
    node.check(["sh", "-c", "rm -r /var/cache/salt/minion/extmods/*"])
    node.check(["systemctl", "restart", "salt-minion"])
    wait_for(lambda: lab.master.answering("ctl2"), PATIENCE, "the minion")

    def is_told():
        decision = lab.master.run("openstack_ha_coordinator.plan", "demo", "rabbitmq")["decisions"][
            0
        ]
        return "`salt ctl2 saltutil.sync_all`" in decision["why"]

    # To say that a function is missing, Salt loads everything that it has: that may come too late.
    wait_for(is_told, PATIENCE, "an answer in time")
    follow("lost-node.md", "A controller answers with an old module")
