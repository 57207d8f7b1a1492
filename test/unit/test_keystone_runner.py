"""Keystone's runner over three controllers, with a real keyring: who gets keys, and when."""

import base64
import json
import os

import pytest
import salt.crypt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from runners import Master, Nodes
from salt.exceptions import CommandExecutionError, SaltRunnerError

CONTROLLERS = ("ctl1", "ctl2", "ctl3")
HOURS = 3600


class Keystones(Nodes):
    """Controllers that take the master's keys, as their pillar gives them."""

    def __init__(self):
        super().__init__(CONTROLLERS)
        self.master = None
        self.is_deaf = False
        self.facts = {
            node: {
                "is_ready": True,
                "pending": "nothing",
                "is_bootstrapped": False,
                "keys": {"fernet": {}, "credential": {}},
                "confirmed": None,
                "is_serving": False,
                "heard": None,
            }
            for node in CONTROLLERS
        }

    def evidence(self, node):
        return dict(self.facts[node])

    def answer(self, node, function, arguments):
        if function == "openstack_ha_word.hear" and node not in self.silent:
            word = {key: value for key, value in arguments.items() if key != "system"}
            self.facts[node]["heard"] = word
        return super().answer(node, function, arguments)

    def take_keys(self, node):
        if not self.is_deaf:
            known = self.master.run("openstack_ha_keystone.keys", "demo")
            keys = {name: known[name] for name in ("fernet", "credential")}
            self.facts[node].update(keys=keys, confirmed=0)
        return {}

    def bootstrap(self, node):
        for one in self.facts.values():
            one["is_bootstrapped"] = True
        return {}

    def serve(self):
        for one in self.facts.values():
            one["is_serving"] = True


@pytest.fixture
def master(tmp_path):
    made = Master(tmp_path, Keystones())
    made.nodes.master = made
    return made


def answer(master):
    return [
        one["verdict"] for one in master.run("openstack_ha_coordinator.answer", "demo", "keystone")
    ]


def planned(master):
    (decision,) = master.run("openstack_ha_coordinator.plan", "demo", "keystone")["data"][
        "decisions"
    ]
    return decision["verdict"]


def keys(master):
    return master.run("openstack_ha_keystone.keys", "demo")


def test_keys_are_made_once_given_to_all_and_one_makes_the_administrator(master):
    assert keys(master) is None
    assert answer(master) == ["create_keys", "take_keys", "bootstrap", "settled"]
    assert master.orders("keystone") == [(CONTROLLERS, "take_keys"), (("ctl1",), "bootstrap")]
    first = keys(master)
    assert answer(master) == ["settled"]
    assert keys(master) == first


def test_the_keyring_is_the_masters_alone(master, tmp_path):
    answer(master)
    path = tmp_path / "keys" / "demo.keystone.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in path.parent.iterdir()] == [path.name], "nothing half written"
    secret = json.loads(path.read_text(encoding="utf-8"))["fernet"].values()
    told = repr((master.sent, master.events, keys(master), answer(master)))
    assert not [one for one in secret if one in told]


def test_a_keyring_is_on_the_disk_before_a_node_has_a_key_of_it(master, tmp_path, monkeypatch):
    synced, path = [], tmp_path / "keys" / "demo.keystone.json"

    def fsync(handle):
        synced.append((os.path.isdir(f"/proc/self/fd/{handle}"), path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    master.execution["openstack_ha_fernet.create"]("demo")
    # The file before it has its name, and then its name.
    assert synced == [(False, False), (True, True)]


def test_a_keyring_is_never_replaced_by_a_new_one(master):
    answer(master)
    with pytest.raises(CommandExecutionError, match="is not replaced by a new one"):
        master.execution["openstack_ha_fernet.create"]("demo")
    with pytest.raises(CommandExecutionError, match="is not replaced by other keys"):
        master.execution["openstack_ha_fernet.adopt"]("demo", {})


@pytest.mark.parametrize("function", ["openstack_ha_fernet.keyring", "openstack_ha_cluster.load"])
def test_secrets_are_no_jobs_return(master, function):
    with pytest.raises(CommandExecutionError, match="use `salt-run"):
        master.execution[function]("demo", __pub_fun=function)


def test_a_step_without_effect_is_not_repeated_at_once(master):
    master.nodes.is_deaf = True
    assert answer(master) == ["create_keys", "take_keys", "wait"]
    assert master.orders("keystone") == [(CONTROLLERS, "take_keys")]


def test_a_step_that_fails_ends_the_looks(master):
    master.nodes.broken = {"ctl2"}
    assert answer(master) == ["create_keys", "take_keys"]
    assert master.orders("keystone") == [(CONTROLLERS, "take_keys")]


def test_no_keys_are_made_while_somebody_who_may_have_some_is_silent(master):
    master.nodes.silent = {"ctl3"}
    assert answer(master) == ["wait"]
    assert keys(master) is None


def test_keys_of_another_master_are_refused(master):
    master.nodes.facts["ctl2"]["keys"] = {"fernet": {"0": "a"}, "credential": {"0": "b"}}
    assert answer(master) == ["refuse"]
    assert (keys(master), master.orders("keystone")) == (None, [])


def test_a_rotation_is_known_everywhere_and_asked_for(master):
    answer(master)
    before = keys(master)
    after = master.run("openstack_ha_keystone.rotate", "demo")
    assert after == keys(master)
    assert set(before["fernet"].values()) < set(after["fernet"].values())
    assert after["credential"] == before["credential"]
    assert after["fernet"]["2"] == before["fernet"]["0"], "the staged key is the primary one now"
    assert master.orders("keystone")[-1] == (CONTROLLERS, "take_keys")


@pytest.mark.parametrize("node", CONTROLLERS)
def test_no_rotation_while_one_may_serve_with_older_keys(master, node):
    answer(master)
    before = keys(master)
    master.nodes.silent = {node}
    with pytest.raises(SaltRunnerError, match=f"were not rotated: .*{node} did not answer"):
        master.run("openstack_ha_keystone.rotate", "demo")
    assert keys(master) == before


def test_no_rotation_while_another_master_is_obeyed(master):
    answer(master)
    before = keys(master)
    master.clock.now += 999
    master.minions["ctl1"].module.serve("m2", "openstack_ha_keystone.evidence")
    with pytest.raises(SaltRunnerError, match="obeys the master m2"):
        master.run("openstack_ha_keystone.rotate", "demo")
    assert keys(master) == before


def test_who_rotates_by_hand_is_told_of_who_is_at_it(master):
    answer(master)
    master.run("openstack_ha_lease.acquire", "demo.keystone", 3600)
    with pytest.raises(SaltRunnerError, match=r"openstack_ha_lease.show demo.keystone"):
        master.run("openstack_ha_keystone.rotate", "demo")


def test_the_schedule_rotates_when_it_is_time_and_once(master):
    answer(master)
    before = keys(master)
    hours = master.run("openstack_ha.cluster", "demo")["keystone"]["rotation_hours"]
    master.clock.now += hours * HOURS - 10
    assert planned(master) == "settled"
    answer(master)
    assert keys(master) == before
    master.clock.now += 11
    assert planned(master) == "rotate_keys"
    answer(master)
    assert keys(master)["fernet"].keys() - before["fernet"].keys() == {"2"}


def test_who_serves_and_has_heard_is_not_told_again(master):
    answer(master)
    master.nodes.serve()
    answer(master)
    master.nodes.heard.clear()
    answer(master)
    assert master.nodes.heard == []
    master.nodes.facts["ctl2"]["is_serving"] = False
    answer(master)
    assert {node for node, _ in master.nodes.heard} >= {"ctl2"}


def test_the_schedules_look_rings_only_where_something_is_to_be_done(master):
    def is_idle():
        master.clock.now += 1
        found = {node: master.nodes.evidence(node) for node in CONTROLLERS}
        looked = {"found": found, "rivals": {}, "begun": master.clock.now}
        return master.run("openstack_ha_coordinator.is_idle", "demo", "keystone", looked)

    assert is_idle() is False
    answer(master)
    assert is_idle() is True
    master.nodes.facts["ctl3"]["heard"] = None
    assert is_idle() is False, "one has not heard it"
    answer(master)
    hours = master.run("openstack_ha.cluster", "demo")["keystone"]["rotation_hours"]
    master.clock.now += hours * HOURS
    assert is_idle() is False, "a rotation is due"


def test_a_master_that_lost_its_keys_takes_a_controllers(master, tmp_path):
    answer(master)
    path = tmp_path / "keys" / "demo.keystone.json"
    lost, known = json.loads(path.read_text(encoding="utf-8")), keys(master)
    path.unlink()
    assert answer(master) == ["refuse"]
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    (tmp_path / "pki" / "master.pem").write_bytes(pem)
    public = tmp_path / "pki" / "master.pub"
    public.write_bytes(
        private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    lock = salt.crypt.PublicKey.from_file(str(public)).encrypt
    master.nodes.locked_keys = lambda node: {
        name: {
            index: base64.b64encode(lock(key.encode(), salt.crypt.OAEP_SHA224)).decode()
            for index, key in lost[name].items()
        }
        for name in ("fernet", "credential")
    }
    with pytest.raises(SaltRunnerError, match="sto1 is no controller of demo"):
        master.run("openstack_ha_keystone.adopt", "demo", "sto1")
    found = master.run("openstack_ha_keystone.adopt", "demo", "ctl2")
    assert (found["fernet"], found["credential"]) == (known["fernet"], known["credential"])
    assert answer(master)[-1] == "settled"
