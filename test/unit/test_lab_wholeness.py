"""When a lab counts as whole: what its status does not call a fault is one for a test."""

import pytest
import wholeness

NODES = {"ctl1": ["controller"], "sto1": ["storage"]}


class Lab:
    """A lab's answers."""

    def __init__(self, nodes=NODES, faults=(), haproxy=None, rejoin=None, swift="healthy"):
        self.nodes, self.inventory = nodes, {"cluster": "demo"}
        self.master = self
        back = {"has_rejoined": True, "is_applying": False}
        self.rejoin = dict.fromkeys(nodes, back) if rejoin is None else rejoin
        self.status = {
            "openstack_ha.status": {
                "faults": list(faults),
                "nodes": {"ctl1": {"haproxy": haproxy or {"mysql": {"ctl1": True}}}},
            },
            "openstack_ha_swift.status": {"verdict": swift},
        }

    def with_role(self, role):
        return [node for node, roles in self.nodes.items() if role in roles]

    def run(self, function, _cluster):
        return self.status[function]

    def salt(self, _target, _function, **_more):
        return self.rejoin


def test_a_whole_lab_lacks_nothing():
    assert wholeness.faults(Lab()) == []


def test_a_lab_without_storage_is_not_asked_for_swift():
    assert wholeness.faults(Lab({"ctl1": ["controller"]}, swift="not there")) == []


@pytest.mark.parametrize(
    ("lab", "fault"),
    [
        (Lab(faults=["Galera of ctl1 is Joining"]), "Galera of ctl1 is Joining"),
        (
            Lab(haproxy={"mysql": {"ctl1": True, "ctl2": False}}),
            "HAProxy of ctl1 lacks mysql of ctl2",
        ),
        (Lab(rejoin={}), "sto1 does not answer"),
        (
            Lab(rejoin={"ctl1": "an error", "sto1": "an error"}),
            "ctl1 is on its way back: an error",
        ),
        (Lab(swift="degraded"), "Swift is degraded"),
    ],
    ids=lambda value: value if isinstance(value, str) else "lab",
)
def test_whatever_it_lacks_is_named(lab, fault):
    assert any(line.startswith(fault) for line in wholeness.faults(lab))


@pytest.mark.parametrize("is_back", [{"has_rejoined": False}, {"is_applying": True}])
def test_a_node_on_its_way_back_is_waited_for(is_back):
    lab = Lab()
    lab.rejoin["sto1"] = {"has_rejoined": True, "is_applying": False, **is_back}
    assert any(line.startswith("sto1 is on its way back") for line in wholeness.faults(lab))
