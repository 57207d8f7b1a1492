"""The cluster file on the master: checked before use, and its secrets in no answer."""

import pytest
from runners import Master, Nodes
from salt.exceptions import CommandExecutionError
from support import example, write_cluster


@pytest.fixture
def functions(tmp_path):
    return Master(tmp_path, Nodes([])).execution


def test_a_file_with_a_fault_is_not_used_and_every_fault_is_told(functions, tmp_path):
    cluster = example()
    cluster["vip"]["address"] = "10.0.0.1"
    cluster["nodes"]["x"] = {"address": "172.29.80.11", "roles": ["compute"]}
    path = str(write_cluster(tmp_path / "bad.yaml", cluster))
    faults = functions["openstack_ha_cluster.faults"](path)
    assert len(faults) >= 2
    with pytest.raises(CommandExecutionError) as told:
        functions["openstack_ha_cluster.load"](path)
    assert str(told.value).splitlines() == faults


@pytest.mark.parametrize("name", ["load", "secrets"])
def test_secrets_are_no_jobs_return(functions, tmp_path, name):
    path = str(tmp_path / "cluster.yaml")
    with pytest.raises(CommandExecutionError, match="use `salt-run openstack_ha"):
        functions[f"openstack_ha_cluster.{name}"](path, __pub_fun="x")


def test_a_file_that_does_not_render_is_told_without_its_lines(functions, tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("openstack_ha:\n  secrets: {a: the-password, b: [}\n", encoding="utf-8")
    with pytest.raises(CommandExecutionError, match="does not render") as told:
        functions["openstack_ha_cluster.load"](str(path))
    assert "the-password" not in str(told.value)
    assert told.value.__cause__ is None


@pytest.mark.parametrize(
    ("content", "why"), [(None, "there is no cluster file"), ("a: 1\n", "has no top key")]
)
def test_a_file_that_is_none_is_named(functions, tmp_path, content, why):
    path = tmp_path / "other.yaml"
    if content:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(CommandExecutionError, match=why):
        functions["openstack_ha_cluster.faults"](str(path))


def test_secrets_that_are_there_stay(functions, tmp_path):
    cluster = example()
    cluster["secrets"] = {"haproxy": {"stats": "the-one-that-is-there"}}
    path = str(write_cluster(tmp_path / "bare.yaml", cluster))
    made = functions["openstack_ha_cluster.secrets"](path)
    assert made["haproxy"]["stats"] == "the-one-that-is-there"
    assert len(made["keystone"]["admin"]) >= 32
