"""What the check tells people and scripts of good, warned and faulty cluster files."""

import pytest
from runners import Master, Nodes, load
from support import certified, example, write_cluster


@pytest.fixture
def master(tmp_path):
    master = Master(tmp_path, Nodes([]), certified(example()))
    (tmp_path / "cluster.yaml").chmod(0o600)
    return master


@pytest.fixture
def show():
    lines = load("_output", "openstack_ha_lines").output
    others = {"openstack_ha_lines": lines}
    return load("_output", "openstack_ha_check", __salt__=others).output


def checked(master):
    answer = master.run("openstack_ha.check")
    assert answer["outputter"] == "openstack_ha_check"
    return answer["data"]


def test_a_good_file_is_ok_and_says_what_was_understood(master, tmp_path, show):
    data = checked(master)
    assert data["retcode"] == 0
    assert data["files"][str(tmp_path / "cluster.yaml")]["warnings"] == []
    text = show(data)
    assert text.startswith(f"{tmp_path / 'cluster.yaml'}: ok\n  cluster demo, VIP 172.29.80.100 (")
    assert "  controller: ctl1, ctl2, ctl3\n" in text
    assert "  systems: galera, rabbitmq, memcached," in text
    assert max(map(len, text.splitlines()[1:])) <= 100


def test_a_warning_refuses_nothing(master, tmp_path, show):
    (tmp_path / "cluster.yaml").chmod(0o644)
    data = checked(master)
    assert data["retcode"] == 0
    assert "warnings, which refuse nothing:\n  - " in show(data)


def test_a_fault_is_an_exit_code_and_a_count(master, tmp_path, show):
    cluster = example()
    cluster["vip"]["address"] = "10.0.0.1"
    cluster["galvera"] = {}
    path = write_cluster(tmp_path / "cluster.yaml", cluster)
    data = checked(master)
    assert data["retcode"] == 1
    assert data["files"][str(path)]["understood"] is None
    assert f"{path}: 2 faults; no state run changes anything\n" in show(data)
    assert "did you mean galera?" in show(data)


@pytest.mark.parametrize("content", ["openstack_ha: [\n", None])
def test_a_file_that_cannot_be_read_is_a_fault_like_any_other(master, tmp_path, show, content):
    path = tmp_path / "cluster.yaml"
    path.unlink()
    if content:
        path.write_text(content, encoding="utf-8")
    data = checked(master)
    assert data["retcode"] == 1
    (line,) = data["files"][str(path)]["faults"]
    assert str(path) in line
    assert "1 fault;" in show(data)


def test_nodes_that_the_master_cannot_reach_are_warned_of(master, tmp_path, show):
    keys = tmp_path / "pki"
    (keys / "minions_pre").mkdir()
    (keys / "minions" / "ctl1").rename(keys / "minions_pre" / "ctl1")
    (keys / "minions" / "sto1").unlink()
    data = checked(master)
    assert data["retcode"] == 0
    pending, absent = data["files"][str(tmp_path / "cluster.yaml")]["warnings"]
    assert pending.startswith("ctl1 waits to be accepted: compare `salt-key --finger=ctl1`")
    assert absent.startswith("sto1 has never come to this master (`salt-key --list-all`)")
    assert "`salt-key --accept=ctl1`" in show(data).replace("\n", " ")
