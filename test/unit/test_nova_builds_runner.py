"""Lost creations on the real engine, over simulated controllers that share one database."""

import pytest
from runners import Master, Nodes
from support import example

CONTROLLERS = ("ctl1", "ctl2", "ctl3")


class Builds(Nodes):
    """Controllers that see the same creations."""

    def __init__(self):
        super().__init__(CONTROLLERS)
        self.requests, self.machines = [], []

    def evidence(self, node):
        return {
            "is_ready": True,
            "started": 10**6,
            "requests": self.requests,
            "machines": self.machines,
        }

    def give_up(self, node, machines, why):
        self.requests = [one for one in self.requests if one["uuid"] not in machines]
        self.machines = [one for one in self.machines if one["uuid"] not in machines]
        return {"ended": machines, "kept": {}}


@pytest.fixture
def master(tmp_path):
    cluster = example()
    cluster["network"]["provider"] = "nova_network"
    cluster["nova"] = {"schedule_timeout": 100, "build_timeout": 1000, "failover_timeout": 20}
    return Master(tmp_path, Builds(), cluster)


def test_what_is_older_than_the_cluster_file_allows_ends(master):
    master.nodes.requests = [
        {"uuid": "late", "is_orphaned": False, "seconds": 101},
        {"uuid": "recent", "is_orphaned": False, "seconds": 100},
    ]
    master.nodes.machines = [
        {"uuid": "lost", "host": None, "is_held": False, "is_left": False, "seconds": 1001},
        {"uuid": "held", "host": "cmp1", "is_held": True, "is_left": False, "seconds": 1001},
    ]
    done = master.run("openstack_ha_coordinator.answer", "demo", "nova_builds")
    assert [one["verdict"] for one in done] == ["give_up", "give_up", "settled"]
    assert [one["uuid"] for one in master.nodes.requests] == ["recent"]
    assert [one["uuid"] for one in master.nodes.machines] == ["held"]
