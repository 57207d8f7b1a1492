"""A minion without a master: one node decides for itself by the same rule, several do not."""

import openstack_ha_cluster
import pytest
from runners import Clock, load, utils
from salt.exceptions import CommandExecutionError
from support import example
from test_galera_runner import Server


class Node:
    """One controller with its database server, which does what it is told."""

    def __init__(self, controllers=1):
        cluster = openstack_ha_cluster.complete(example())
        for number in range(controllers + 1, 4):
            del cluster["nodes"][f"ctl{number}"]
        self.server, self.done, self.has_effect = Server(), [], True
        self.module = load("_modules", "openstack_ha_masterless", __utils__=utils())
        self.module.__opts__ = {"id": "ctl1", "file_client": "local"}
        self.module.time = Clock().module()
        self.module.__salt__ = {
            "openstack_ha.view": lambda: cluster,
            "openstack_ha_galera.evidence": lambda: dict(self.server.facts),
            "openstack_ha_galera.bootstrap": self.bootstrap,
            "openstack_ha_keystone.evidence": lambda: {
                "is_ready": True,
                "pending": "sync",
                "is_bootstrapped": False,
                "keys": {"fernet": {}, "credential": {}},
                "confirmed": None,
                "is_serving": False,
                "heard": None,
            },
        }

    def bootstrap(self, position):
        self.done.append(position)
        if self.has_effect:
            self.server.run()

    def lacking(self):
        return None if self.server.facts["wsrep"] else "the server is stopped"

    def answer(self, system="galera", patience=60):
        return self.module.answer(system, self.lacking, patience)


def test_one_node_is_everybody():
    node = Node()
    assert node.answer() is None
    assert node.done == [None]


def test_several_nodes_need_a_master_that_hears_all_of_them():
    node = Node(controllers=3)
    assert node.answer().startswith("ctl2, ctl3 has galera too, and only a master")
    assert node.done == []


def test_what_changes_nothing_is_done_once():
    node = Node()
    node.has_effect = False
    assert "bootstrap was done, and has changed nothing" in node.answer()
    assert node.done == [None]


def test_what_can_only_be_waited_for_is_waited_for_in_bounds():
    node = Node()
    node.server.facts["is_ready"] = False
    refusal = node.answer(patience=30)
    assert refusal.startswith("After 30 s the server is stopped; wait: ")
    assert node.module.time.monotonic() - Clock().now >= 30


def test_a_refusal_of_the_rule_is_told():
    node = Node()
    node.server.facts.update(Server("f" * 8, -1).facts)
    assert "has no known position" in node.answer()
    assert "docs/runbooks/" in node.answer()


def test_a_step_of_the_masters_own_is_named():
    assert "create_keys is a master's own step" in Node().answer("keystone")


def test_an_error_is_told():
    node = Node()

    def failing(position):
        raise CommandExecutionError("no space left")

    node.module.__salt__["openstack_ha_galera.bootstrap"] = failing
    assert node.answer() == "no space left"


@pytest.mark.parametrize(("client", "is_masterless"), [("local", True), ("remote", False)])
def test_who_takes_its_states_from_its_own_disk_has_no_master(client, is_masterless):
    node = Node()
    node.module.__opts__["file_client"] = client
    assert node.module.is_masterless() is is_masterless


def test_what_only_this_node_has_needs_nobody_else():
    node = Node(controllers=3)
    cluster = node.module.__salt__["openstack_ha.view"]()
    cluster["nodes"]["ctl1"]["roles"].append("proxy")
    for other in ("ctl2", "ctl3"):
        cluster["nodes"][other]["roles"] = ["controller"]
    assert node.answer("turn.memcached").startswith("ctl2, ctl3 has memcached too")
    node.server.run()
    assert node.answer("turn.swift.proxy") is None
