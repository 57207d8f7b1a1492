"""Every SLS of every role, over several pillars, compiled by Salt and strictly rendered."""

import json
import pathlib
import re

import openstack_ha_hidden
import openstack_ha_option_file as option_file
import openstack_ha_systems
import pytest
import reference
import support
from support import ROOT, leaves


def example():
    """The example; what follows from the node itself is named, since this machine is none."""
    cluster = support.example()
    cluster["nova"] = {"virt_type": "qemu"}
    for node in cluster["nodes"].values():
        node["interface"] = "eth0"
    return cluster


def _five_controllers():
    cluster = example()
    cluster["nodes"] = {
        "ctl[1-5].example.org": {
            "address": "172.29.80.11-15",
            "roles": ["controller"],
            "interface": "bond0",
        }
    }
    return cluster


def _one_controller():
    cluster = example()
    cluster["nodes"] = {
        "ctl1": {"address": "172.29.80.11", "roles": ["controller"], "interface": "eth0"}
    }
    return cluster


def _other_options():
    cluster = example()
    cluster["vip"]["interface"] = "eth1"
    cluster["rabbitmq"].update(queues="mirrored", access="direct", vhosts=["/", "other"])
    cluster["galera"].update(
        buffer_pool="2G",
        provider_options={"gcs.fc_limit": 160},
        server_options={"max_statement_time": 20},
    )
    cluster["haproxy"] = {"stats_port": 9000}
    cluster["tls"] = {"plain_http": True}
    cluster["keepalived"] = {"advert_interval": 1}
    pages = ["https://a.example.org/", "https://b.example.org/"]
    cluster["keystone"]["options"] = {"federation": {"trusted_dashboard": pages}}
    cluster["secrets"]["keystone"]["options"] = {"ldap": {"password": "made-up of LDAP's"}}
    cluster["horizon"].update(
        domains=["Default", "partners"],
        hosts=["cloud.example.com"],
        options={"SESSION_REFRESH": False, "HORIZON_CONFIG": {"help_url": "https://example.org"}},
    )
    cluster["swift"] = {"auth": "tempauth", "users": {"demo": {"account": "demo"}}}
    cluster["secrets"]["swift"]["users"] = {"demo": "made-up-swift-demo"}
    return cluster


def _disk_for_machines():
    cluster = example()
    disk = {"path": "/dev/disk/by-id/ata-example"}
    cluster["nodes"]["cmp[1-2]"]["compute"] = {"instances": disk}
    return cluster


CASES = {
    "the example": (example, "ctl2"),
    "five controllers with domains": (_five_controllers, "ctl5.example.org"),
    "one controller": (_one_controller, "ctl1"),
    "a compute node": (example, "cmp1"),
    "a compute node with a disk": (_disk_for_machines, "cmp1"),
    "a storage node": (example, "sto1"),
    "other options": (_other_options, "ctl2"),
}


# Those that are kept, since between them they have every state and template.
KEPT = {
    "the example": ("controller", None),
    "other options": ("controller-with-other-options", "controller"),
    "a compute node": ("compute", "controller"),
    "a compute node with a disk": ("compute-with-a-disk", "compute"),
    "a storage node": ("storage", "controller"),
}


@pytest.mark.parametrize("case", CASES)
def test_highstate_compiles_and_every_template_renders(loaders_of, case):
    cluster, minion_id = CASES[case]
    modules = loaders_of(minion_id, cluster()).modules
    low = modules.state.show_low_sls("openstack_ha")
    assert all(isinstance(chunk, dict) for chunk in low), low
    secrets = list(leaves(cluster()["secrets"]))
    assert not [secret for secret in secrets if secret in repr(low)], "a secret stands in an SLS"
    written = {id(chunk): _written(modules, chunk) for chunk in low}
    for chunk in low:
        text = written[id(chunk)]
        if chunk["state"] == "openstack_ha_template":
            assert "Written by Salt (openstack_ha" in text
            shown = openstack_ha_hidden.diff("", text)
            assert not [secret for secret in secrets if secret in shown], chunk["name"]
        if chunk.get("template") == "jinja":
            is_commented = "Written by Salt (openstack_ha" in text
            assert is_commented or chunk["name"].endswith(".json") or "show_changes" in chunk
            _secrets_are_not_shown(chunk, text, secrets)
    if case in KEPT:
        name, base = KEPT[case]
        reference.compare(name, reference.states(low, lambda chunk: written[id(chunk)]), base)


def test_a_whole_highstate_leaves_the_version_of_its_cluster_file(loaders_of):
    # All digits are a text, too.
    cluster = {**example(), "version": "1234567890123456"}
    low = loaders_of("sto1", cluster).modules.state.show_low_sls("openstack_ha")
    (state,) = [chunk for chunk in low if chunk["__id__"] == "openstack_ha_applied"]
    assert state["contents"] == "1234567890123456"
    # That one comes after all others.
    assert state["require"] == [{"file": "openstack_ha_deployed"}]


def _written(modules, chunk):
    """What a state writes to a file from the formula's, None where it writes none."""
    if chunk["state"] == "openstack_ha_options":
        options = chunk["options"]
        file = modules[options]() if isinstance(options, str) else options
        return option_file.text(chunk["system"], file, modules["openstack_ha.secret"])
    is_template = chunk["state"] == "openstack_ha_template"
    if not is_template and (chunk["state"] != "file" or "source" not in chunk):
        return None
    if not is_template and chunk.get("template") != "jinja":
        is_program = chunk["source"].endswith(reference.PROGRAMS)
        return None if is_program else modules.cp.get_file_str(chunk["source"])
    text = modules.slsutil.renderer(
        chunk["source"], default_renderer="jinja", **chunk.get("context", {})
    )
    return str(text)


def _secrets_are_not_shown(chunk, text, secrets):
    if any(secret in text for secret in secrets):
        assert chunk["show_changes"] is False, f"{chunk['name']} would show a secret in its diff"
        assert chunk["mode"] in ("0400", "0600", "0640"), f"{chunk['name']} is too open"


def test_the_master_and_what_it_answers(loaders_of, tmp_path):
    modules = loaders_of("ctl1", example()).modules
    low = modules.state.show_low_sls("openstack_ha.master")
    rejoin = {
        "nodes": ["ctl1", "ctl2"],
        "steps": [{"system": one, "nodes": ["ctl1", "ctl2"]} for one in ("hosts", "galera")],
    }
    rendered = {
        path.name: modules.slsutil.renderer(str(path), tag="openstack_ha/demo/x/doorbell", data={})
        for path in sorted(ROOT.glob("openstack_ha/reactor/*.sls"))
    }
    orchestration = modules.state.show_low_sls(
        "openstack_ha.orch.rejoin", pillar={"openstack_ha_rejoin": rejoin}
    )
    content = {
        "states": reference.states(low, lambda chunk: _written(modules, chunk)),
        "reactors": reference.plain(rendered),
        "orchestration": reference.states(orchestration, lambda chunk: None),
    }
    # The master's configuration is in the folder of the minion's.
    content = json.loads(json.dumps(content).replace(str(tmp_path), "/etc/salt"))
    reference.compare("master", content)


COMMON = ["guard", "view", "minion", "python", "hosts", "authority"]
INCLUDED = {
    "ctl1": [
        *COMMON,
        "galera",
        "rabbitmq",
        "memcached",
        "keystone",
        "glance",
        "placement",
        "swift.proxy",
        "horizon",
        "health",
        "haproxy",
        "keepalived",
        "keystone.identity",
        "nova.conductor",
        "nova.scheduler",
        "nova.api",
        "nova.console",
        "deployed",
    ],
    "cmp1": [*COMMON, "nova.metadata", "nova.compute", "nova_network", "deployed"],
}


@pytest.mark.parametrize("node", INCLUDED)
def test_roles_include_their_systems_in_order(loaders_of, node):
    loaders = loaders_of(node, example())
    found = loaders.modules.openstack_ha.includes()
    assert found == [f"openstack_ha.{name}" for name in INCLUDED[node]]


def _includes(path):
    """What an SLS includes, and what these do; where it stands in a template of its own, too."""
    text = path.read_text(encoding="utf-8")
    for template in re.findall(r'include "(\S+)"', text):
        text += (ROOT / template).read_text(encoding="utf-8")
    found = set(re.findall(r"^  - (openstack_ha[\w.]+)$", text, re.MULTILINE))
    return found.union(*(_includes(_path(name)) for name in found))


def _path(sls):
    place = ROOT / sls.replace(".", "/")
    return one if (one := place.with_suffix(".sls")).exists() else place / "init.sls"


@pytest.mark.parametrize("part", openstack_ha_systems.parts())
def test_a_system_that_is_applied_alone_is_guarded_as_well(part):
    assert "openstack_ha.guard" in _includes(_path(f"openstack_ha.{part}"))


def test_every_system_has_the_same_shape():
    systems = {
        path.parent for path in ROOT.glob("openstack_ha/*/init.sls") if path.parent.name != "master"
    }
    assert systems
    for system in systems:
        for name in ("init", "install", "config", "service"):
            assert (system / f"{name}.sls").is_file(), f"{system.name} has no {name}.sls"


def test_stranger_is_refused(loaders_of):
    result = loaders_of("stranger", example()).modules.state.show_low_sls("openstack_ha")
    assert "stranger is not among openstack_ha:nodes" in repr(result)


def test_bad_plain_pillar_is_refused_with_every_fault(loaders_of):
    cluster = example()
    cluster["vip"]["address"] = "10.0.0.1"
    cluster["nodes"]["cmp3"] = {"address": "172.29.80.11", "roles": ["compute"]}
    result = repr(loaders_of("ctl1", cluster).modules.state.show_low_sls("openstack_ha"))
    assert "10.0.0.1 lies outside" in result
    assert "172.29.80.11 is the address of ctl1 too" in result


def test_custom_python_never_asks_pillar_get():
    # Salt 3008 masks it in custom modules: https://github.com/saltstack/salt/issues/69599
    for folder in ("_modules", "_states", "_runners", "_pillar", "_utils", "_output"):
        for path in pathlib.Path(ROOT, folder).glob("*.py"):
            assert 'pillar.get"' not in path.read_text(encoding="utf-8"), path


def test_novas_wheels_are_the_same_set_where_they_are_built_and_where_they_run(loaders_of):
    modules = loaders_of("cmp1", example()).modules
    *_, built = modules.state.show_low_sls("openstack_ha.nova.wheels")
    *_, unpacked = modules.state.show_low_sls("openstack_ha.nova.programs")
    assert unpacked["built_by"] == built["__sls__"]
    assert (unpacked["label"], unpacked["name"]) == (built["name"], built["folder"])
    assert unpacked["wheels"] == {key: built[key] for key in ("requirements", "corrections")}
