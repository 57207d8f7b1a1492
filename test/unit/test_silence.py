"""Who was silent when he had all the time is asked like everybody, and not waited for as long."""

import itertools

import pytest
from runners import Master, Nodes, load

CONTROLLERS = ["ctl1", "ctl2", "ctl3"]
ASK = "openstack_ha_galera.evidence"


class Plain(Nodes):
    def evidence(self, node):
        return {"node": node}


class Hanging:
    """Salt's client where a node says for ever that it works on its answer."""

    def __init__(self, client, node):
        self.client, self.node = client, node

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def cmd(self, nodes, *args, **kwargs):
        return self.client.cmd(nodes, *args, **kwargs)

    def cmd_iter_no_block(self, nodes, *args, **kwargs):
        others = [node for node in nodes if node != self.node]
        yield from self.client.cmd_iter_no_block(others, *args, **kwargs)
        yield from itertools.repeat({})


@pytest.fixture
def master(tmp_path):
    return Master(tmp_path, Plain(CONTROLLERS))


@pytest.fixture
def members(master):
    return master.modules["_runners", "openstack_ha_members"]


def evidence(master, **more):
    return master.run("openstack_ha_members.evidence", CONTROLLERS, ASK, **more)["found"]


def known(master):
    return master.run("openstack_ha_silence.known", CONTROLLERS)


def hang(members, node):
    """From now on a node works for ever."""
    ours = members.salt.client.get_local_client
    members.salt.client.get_local_client = lambda file: Hanging(ours(file), node)


def test_who_was_silent_is_known_for_a_while(master):
    master.nodes.silent = {"ctl2"}
    evidence(master)
    assert known(master) == ["ctl2"]
    lasts = master.modules["_runners", "openstack_ha_silence"].LASTS
    master.clock.now += lasts - 1
    assert known(master) == ["ctl2"]
    master.clock.now += 1
    assert known(master) == []


def test_who_is_heard_or_boots_is_waited_for_again(master):
    master.nodes.silent = {"ctl2", "ctl3"}
    evidence(master)
    master.nodes.silent = {"ctl3"}
    assert evidence(master)["ctl2"] == {"node": "ctl2", "obeys": "salt_master"}
    assert known(master) == ["ctl3"]
    master.run("openstack_ha_rejoin.booted", "salt/minion/ctl3/start")
    assert known(master) == []


def test_nobody_waits_long_for_who_is_known_to_be_silent(master, members):
    master.nodes.silent = {"ctl2"}
    evidence(master)
    hang(members, "ctl2")
    begin = master.clock.now
    found = evidence(master)
    assert [node for node in CONTROLLERS if found[node]] == ["ctl1", "ctl3"]
    assert members.GRACE < master.clock.now - begin < members.GRACE + 1
    # It had not all the time, so that counts for nothing new.
    master.clock.now += master.modules["_runners", "openstack_ha_silence"].LASTS
    assert known(master) == []


def test_the_others_have_their_time_beside_one_that_is_silent(master, members):
    master.nodes.silent = {"ctl2"}
    evidence(master)
    hang(members, "ctl3")
    begin = master.clock.now
    assert evidence(master, patience=50)["ctl3"] is None
    assert master.clock.now - begin > 50


def test_where_nobody_else_is_asked_it_has_all_the_time(master, members):
    master.nodes.silent = {"ctl2"}
    evidence(master)
    hang(members, "ctl2")
    begin = master.clock.now
    master.run("openstack_ha_members.evidence", ["ctl2"], ASK, patience=50)
    assert master.clock.now - begin > 50


def test_where_the_others_are_slow_it_has_twice_their_time(master, members):
    master.nodes.silent = {"ctl2"}
    evidence(master)
    master.nodes.at_look = {2: lambda: master.clock.sleep(20)}
    hang(members, "ctl2")
    begin = master.clock.now
    evidence(master, patience=90)
    assert 40 < master.clock.now - begin < 41


def test_a_thorough_look_gives_everybody_all_the_time(master, members):
    master.nodes.silent = {"ctl2"}
    evidence(master)
    hang(members, "ctl2")
    begin = master.clock.now
    evidence(master, patience=50, is_thorough=True)
    assert master.clock.now - begin > 50
    assert known(master) == ["ctl2"]


@pytest.mark.parametrize("text", ["", "{", "1e99"], ids=["empty", "cut", "of another boot"])
def test_what_says_no_time_of_this_boot_is_nothing(tmp_path, text):
    (tmp_path / "openstack_ha/silence").mkdir(parents=True)
    (tmp_path / "openstack_ha/silence/ctl1").write_text(text, encoding="ascii")
    runner = load("_runners", "openstack_ha_silence", __opts__={"cachedir": str(tmp_path)})
    runner.__salt__ = {"openstack_ha_lease.now": lambda: 1000.0}
    assert runner.known(["ctl1", "ctl2"]) == []
