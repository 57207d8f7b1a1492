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


BROKEN = {
    "a key twice": ("  name: the-password\n  name: b\n", "line 3, column 3: a key stands twice"),
    "a colon in a value": ("  name: a: the-password\n", "line 2, column 10: a colon where no key"),
    "a tab": ("  vip:\n\taddress: the-password\n", "line 3, column 1: a character that"),
    "a star": ("  name: *the-password\n", "line 2, column 9: a value that begins with *"),
    "an exclamation mark": ("  name: !the-password x\n", "line 2, column 9: a value that begins"),
    "an open bracket": ("  name: [the-password\n", "brackets that are not closed"),
    "an open quote": ("  name: 'the-password\n", "a quote that is not closed"),
    "an indentation": ("  name: x\n the-password: x\n", "an indentation that does not fit"),
    "a variable": ("  name: {{ the_password }}\n", "line 2: Jinja: a variable that is not defined"),
    "an open tag": ("  name: {{ the_password\n", "Jinja: a tag or an expression"),
    "a block that stays open": ("{% if true %}\n  name: x\n", "Jinja: a tag or an expression"),
}


@pytest.mark.parametrize(("lines", "why"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_does_not_render_has_a_place_and_a_reason(functions, tmp_path, lines, why):
    path = tmp_path / "broken.yaml"
    path.write_text(f"openstack_ha:\n{lines}", encoding="utf-8")
    with pytest.raises(CommandExecutionError) as told:
        functions["openstack_ha_cluster.faults"](str(path))
    assert f"{path} does not render, " in str(told.value)
    assert why in str(told.value)
    assert "the-password" not in str(told.value)
    assert "the_password" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_section_that_lost_its_indentation_is_named(functions, tmp_path):
    path = tmp_path / "appended.yaml"
    path.write_text("openstack_ha:\n  name: x\nsecrets:\n  a: b\nx-anchors: 1\n", encoding="utf-8")
    with pytest.raises(CommandExecutionError, match="has secrets beside openstack_ha"):
        functions["openstack_ha_cluster.faults"](str(path))


def test_what_a_good_file_says_is_told_with_its_warnings(functions, tmp_path):
    path = write_cluster(tmp_path / "good.yaml", example())
    path.chmod(0o644)
    told = functions["openstack_ha_cluster.understood"](str(path))
    assert told["understood"]["name"] == "demo"
    assert "chmod o=" in told["warnings"][0]
    path.chmod(0o600)
    assert "chmod" not in str(functions["openstack_ha_cluster.understood"](str(path)))
