"""A cluster file is rendered and checked once for as long as it says the same."""

import os
import pathlib

import openstack_ha_checked as checked
import openstack_ha_memo as memo
import pytest
import salt.config
import salt.loader
import salt.template
from runners import Master, Nodes
from support import ROOT, example, write_cluster


@pytest.fixture
def rendered(monkeypatch):
    """The files that were rendered, in their order."""
    found, render = [], salt.template.compile_template

    def counted(path, *args, **kwargs):
        found.append(pathlib.Path(path).name)
        return render(path, *args, **kwargs)

    monkeypatch.setattr(salt.template, "compile_template", counted)
    return found


@pytest.fixture
def execution(tmp_path, rendered):
    return Master(tmp_path, Nodes([])).modules["_modules", "openstack_ha_cluster"]


def text_of(cluster, tmp_path):
    return write_cluster(tmp_path / "text.yaml", cluster).read_text(encoding="utf-8")


def test_the_same_text_is_rendered_once(execution, tmp_path, rendered):
    path = write_cluster(tmp_path / "own.yaml", example())
    first = execution.load(str(path))
    assert execution.load(str(path)) == first
    assert rendered == ["own.yaml"]


def test_a_change_counts_whatever_its_time_and_size(execution, tmp_path):
    path = write_cluster(tmp_path / "own.yaml", example())
    before = path.stat()
    assert execution.load(str(path))["vip"]["router_id"] == 51
    path.write_text(path.read_text().replace("router_id: 51", "router_id: 52"), encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert execution.load(str(path))["vip"]["router_id"] == 52


def test_faults_are_kept_as_well_and_end_with_their_cause(execution, tmp_path, rendered):
    cluster = example()
    cluster["vip"]["address"] = "10.0.0.1"
    path = write_cluster(tmp_path / "own.yaml", cluster)
    assert execution.faults(str(path)) == execution.faults(str(path)) != []
    assert rendered == ["own.yaml"]
    write_cluster(path, example())
    assert execution.faults(str(path)) == []


def test_whoever_changes_what_he_got_changes_nobody_elses(execution, tmp_path):
    path = str(write_cluster(tmp_path / "own.yaml", example()))
    execution.load(path)["nodes"].clear()
    execution.load(path)["nodes"].clear()
    assert execution.load(path)["nodes"]


def test_what_a_file_asks_for_elsewhere_is_asked_for_each_time(execution, tmp_path):
    text = text_of(example(), tmp_path).removeprefix("#!yaml\n")
    asked = text.replace("router_id: 51", "router_id: {{ salt['site.router']() }}")
    path = tmp_path / "own.yaml"
    path.write_text(asked, encoding="utf-8")
    for number in (51, 52):
        execution.__salt__["site.router"] = lambda number=number: number
        assert execution.load(str(path))["vip"]["router_id"] == number


def test_what_is_written_while_it_is_read_is_kept_under_no_text(execution, tmp_path, monkeypatch):
    path = write_cluster(tmp_path / "own.yaml", example())
    read = execution._read

    def meanwhile(name):
        other = example()
        other["vip"]["router_id"] = 52
        content = read(name)
        write_cluster(path, other)
        return content

    monkeypatch.setattr(execution, "_read", meanwhile)
    assert execution.load(str(path))["vip"]["router_id"] == 51
    monkeypatch.setattr(execution, "_read", read)
    assert execution.load(str(path))["vip"]["router_id"] == 52
    write_cluster(path, example())
    assert execution.load(str(path))["vip"]["router_id"] == 51


SPEAKS = {
    "YAML": ("#!yaml\na: 1\n", "jinja|yaml", True),
    "by the default": ("a: 1\n", "jinja|yaml", True),
    "an argument": ("#!jinja -s|yaml\na: 1\n", "yaml", True),
    "gpg": ("#!yaml|gpg\na: 1\n", "jinja|yaml", True),
    "a variable": ("a: {{ b }}\n", "jinja|yaml", False),
    "an import": ("{% import_yaml 'x' as y %}\na: 1\n", "jinja|yaml", False),
    "braces without Jinja": ("#!yaml\na: '{{ b }}'\n", "jinja|yaml", True),
    "Python": ("#!py\n", "jinja|yaml", False),
    "another path": ("#!/bin/sh\na: 1\n", "jinja|yaml", False),
    "no renderer": ("a: 1\n", "", False),
    "somebody's own Jinja": ("#!jinja|yaml\na: 1\n", None, False),
}


@pytest.mark.parametrize(("text", "renderers", "is_so"), SPEAKS.values(), ids=SPEAKS)
def test_what_follows_from_the_text_alone(text, renderers, is_so):
    assert checked.speaks_alone(text, renderers) is is_so


def test_a_secret_that_gpg_could_not_open_is_asked_for_again(tmp_path):
    cluster = example()
    text = text_of(cluster, tmp_path)
    cluster["secrets"]["haproxy"]["stats"] = "-----BEGIN PGP MESSAGE-----\nx"
    checked.checked("/unopened", text, "yaml|gpg", cluster)
    assert checked.recalled("/unopened", text, "yaml|gpg") is None
    checked.checked("/unopened", text, "yaml|gpg", example())
    assert checked.recalled("/unopened", text, "yaml|gpg")["faults"] == []


def test_what_cannot_be_copied_is_not_kept():
    for _ in range(2):
        assert callable(memo.made("uncopied", b"", lambda: test_what_cannot_be_copied_is_not_kept))
    made = memo.made("local", b"", lambda: lambda: 1)
    assert made() == 1
    assert memo.recalled("local", b"") is None


def test_it_outlives_salts_loaders(tmp_path, rendered):
    """Salt executes a module anew for each pillar."""
    extension = tmp_path / "ext"
    extension.mkdir()
    for kind in ("modules", "utils"):
        (extension / kind).symlink_to(ROOT / f"_{kind}")
    options = {
        **salt.config.DEFAULT_MINION_OPTS,
        "cachedir": str(tmp_path / "cache"),
        "extension_modules": str(extension),
        "grains": {},
    }
    path = str(write_cluster(tmp_path / "own.yaml", example()))
    for _ in range(2):
        utils = salt.loader.utils(options)
        modules = salt.loader.minion_mods(options, context={}, utils=utils)
        assert modules["openstack_ha_cluster.load"](path)["name"] == "demo"
    assert rendered == ["own.yaml"]
