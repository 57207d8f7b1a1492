"""Nova over real servers: programs, schema, cell and networks, and a node that is in the cell."""

import copy
import json
import pathlib
import subprocess
import time
import uuid

import leftovers
import openstack_ha_nova_progress
import openstack_ha_nova_rule
import pytest
from controller import NODE, api, founded, serve, serve_keystone, token_of
from salt.exceptions import CommandExecutionError
from support import await_until, not_applied

PORT, PLACEMENT_PORT = 8774, 8778
NETWORKS = {
    "networks": {"machines": {"range": "10.20.0.0/28"}},
    "floating_pools": {"public": {"ranges": ["192.0.2.64/30"]}},
}
# Of a compute node, what makes it one; its machines' network is the lab's to try.
CONTROLLER = ("nova.conductor", "nova.scheduler", "nova.api", "nova.console")
SLS = (*CONTROLLER, "nova.compute")


@pytest.fixture(scope="module")
def site(cluster, tmp_path_factory):
    """One host that is controller and compute node; there is all that Nova asks."""
    cluster = copy.deepcopy(cluster)
    cluster["nodes"][NODE]["roles"] = ["controller", "compute"]
    cluster["network"]["provider"] = "nova_network"
    cluster["nova"] = {"workers": 1}
    cluster["nova_network"] = copy.deepcopy(NETWORKS)
    made = founded(tmp_path_factory.mktemp("nova"), cluster)
    serve_keystone(made)
    made.apply("rabbitmq", "placement.config")
    made.db_sync.sync("placement")
    # With the objects of identity of all services, Nova's too.
    serve(made, "placement", PLACEMENT_PORT)
    yield made
    # They take more than the other tests have use for.
    leftovers.forget_services()


@pytest.fixture(scope="module")
def configured(site):
    """Its programs and its files are there, and nothing of it is in the database."""
    site.apply("nova.config")
    return site


@pytest.fixture(scope="module")
def schema(configured):
    """What the state shows that makes the schemas, and then does."""

    def apply(test):
        return configured.states.openstack_ha_db_sync.synced(name="nova", cluster="demo", test=test)

    return shown_and_done(apply)


@pytest.fixture(scope="module")
def synced(configured, schema):
    """Its databases have their schemas."""
    return configured


@pytest.fixture(scope="module")
def served(synced):
    """Its services run on the controller."""
    synced.apply(*CONTROLLER)
    api(synced, "GET", "/healthcheck", until=200, port=PORT)
    return synced


@pytest.fixture(scope="module")
def computing(served):
    """The compute node runs, and is in the cell."""
    served.apply("nova.compute")
    return served


def shown_and_done(apply):
    """What a state shows, and then does; after that it finds nothing to do."""
    shown, done, again = apply(test=True), apply(test=False), apply(test=False)
    assert (shown.result, done.result) == (None, True), (shown.comment, done.comment)
    assert shown.changes == done.changes
    assert (again.result, again.changes) == (True, {}), again.comment
    return done.changes


def rows(statement):
    argv = ["mariadb", "--batch", "--skip-column-names", "--execute", statement]
    return [line.split("\t") for line in subprocess.check_output(argv, text=True).splitlines()]


def test_the_programs_are_those_that_the_master_has_built(configured):
    programs = "/opt/openstack_ha/nova/current/bin"
    told = subprocess.check_output([f"{programs}/nova-manage", "--version"], text=True)
    assert told.strip() == "18.3.0"


def test_what_nova_cannot_read_leaves_its_file_as_it_is(configured):
    config = pathlib.Path("/etc/nova/nova.conf")
    before = config.read_text(encoding="utf-8")
    options = {"libvirt": {"cpu_mode": "fast"}, "DEFAULT": {"my_ipp": "10.0.0.1"}}
    said = configured.said_of("nova", "nova.conf", options)
    assert said.result is False
    assert "[libvirt] cpu_mode: cannot be read" in said.comment
    assert "did you mean my_ip?" in said.comment
    assert config.read_text(encoding="utf-8") == before


def test_its_databases_get_their_schemas_at_once(synced, schema):
    assert schema == {"schema": {"old": "there is no schema", "new": "synced"}}
    assert rows("SELECT name FROM nova_api.cell_mappings ORDER BY id")[0] == ["cell0"]
    for database in ("nova_cell0", "nova"):
        assert rows(f"SELECT COUNT(*) FROM {database}.instances") == [["0"]]


def test_the_cell_is_made_once(synced):
    def apply(test):
        return synced.states.openstack_ha_nova.cell_present(name="demo", test=test)

    assert shown_and_done(apply) == {"cell": {"old": "there is no cell", "new": "present"}}
    assert rows("SELECT name FROM nova_api.cell_mappings ORDER BY id") == [["cell0"], ["cell1"]]


def test_a_cell_that_goes_elsewhere_comes_back(synced):
    def apply(test):
        return synced.states.openstack_ha_nova.cell_present(name="demo", test=test)

    before = rows("SELECT * FROM nova_api.cell_mappings")
    rows("UPDATE nova_api.cell_mappings SET transport_url = 'none:///' WHERE name = 'cell1'")
    assert list(shown_and_done(apply)) == ["cell"]
    (found,) = rows("SELECT transport_url FROM nova_api.cell_mappings WHERE name = 'cell1'")
    assert found == ["{scheme}://{username}:{password}@{hostname}:{port}/{path}"]
    assert len(rows("SELECT * FROM nova_api.cell_mappings")) == len(before)


@pytest.fixture
def networks(synced):
    """A function that applies the state of networks."""

    def apply(test):
        return synced.states.openstack_ha_nova_network.networks_present(name="demo", test=test)

    return apply


def test_networks_and_floating_addresses_are_made(synced, networks):
    changes = shown_and_done(networks)
    assert changes["network machines"] == {"old": "absent", "new": "10.20.0.0/28"}
    assert len(changes) == 2
    there = "SELECT label, cidr, multi_host FROM nova.networks WHERE deleted = 0"
    assert rows(there) == [["machines", "10.20.0.0/28", "1"]]
    floating = "SELECT address, pool FROM nova.floating_ips WHERE deleted = 0 ORDER BY address"
    assert rows(floating) == [["192.0.2.65", "public"], ["192.0.2.66", "public"]]


def test_networks_are_changed_where_nobody_uses_them(synced, networks):
    own = synced.cluster["nova_network"]
    own["prune"] = True
    own["networks"] = {"others": {"range": "10.21.0.0/28"}}
    own["floating_pools"]["public"]["ranges"] = ["192.0.2.66-67"]
    synced.write()
    synced.loaders.reload_all()
    shown_and_done(networks)
    assert rows("SELECT label FROM nova.networks WHERE deleted = 0") == [["others"]]
    floating = "SELECT address FROM nova.floating_ips WHERE deleted = 0 ORDER BY address"
    assert rows(floating) == [["192.0.2.66"], ["192.0.2.67"]]


def test_nobody_is_told_of_machines_without_a_token(served):
    assert api(served, "GET", "/v2.1/servers", port=PORT)[0] == 401


@pytest.mark.parametrize("thing", ["flavors", "servers"])
def test_there_is_nothing_that_nobody_made(served, thing):
    status, _, text = api(served, "GET", f"/v2.1/{thing}", token=token_of(served), port=PORT)
    assert (status, json.loads(text)) == (200, {thing: []})


def test_creations_are_looked_for_and_ended_by_novas_own_code(served):
    builds = served.loaders.modules.openstack_ha_nova_builds
    found = builds.evidence()
    assert found.pop("started") is not None
    assert found == {"is_ready": True, "requests": [], "machines": []}
    unknown = str(uuid.uuid4())
    told = builds.give_up([unknown], "nobody knows it")
    assert told["ended"] == []
    assert unknown in told["kept"][unknown]


def test_the_consoles_page_comes_through_the_vip(served):
    assert b"noVNC" in api(served, "GET", "/vnc_lite.html", until=200, port=6080)[2]


def test_a_node_that_has_registered_is_in_the_cell(served):
    def apply(test):
        return served.states.openstack_ha_nova.host_mapped(name="demo", test=test)

    shown = apply(test=True)
    assert shown.result is None
    served.apply("nova.compute")
    assert (apply(test=True).result, apply(test=True).changes) == (True, {})
    (host,) = served.loaders.modules.openstack_ha_nova_status.hypervisors()
    assert (host["host"], host["is_mapped"]) == (NODE, True)


def test_a_mapping_that_was_lost_comes_back(computing):
    def apply(test):
        return computing.states.openstack_ha_nova.host_mapped(name="demo", test=test)

    rows("DELETE FROM nova_api.host_mappings")
    computing.loaders.modules.openstack_ha_nova.confirm(False)
    assert list(shown_and_done(apply)) == ["host"]
    assert rows("SELECT host FROM nova_api.host_mappings") == [[NODE]]


def test_all_services_report(computing):
    status, _, text = api(
        computing, "GET", "/v2.1/os-services", token=token_of(computing), port=PORT
    )
    assert status == 200, text
    found = {one["binary"]: one["state"] for one in json.loads(text)["services"]}
    assert found == dict.fromkeys(("nova-conductor", "nova-scheduler", "nova-compute"), "up")


def test_placement_knows_what_the_node_has(computing):
    token = token_of(computing)

    def known():
        asked = api(computing, "GET", "/resource_providers", token=token, port=PLACEMENT_PORT)
        return [one["name"] for one in json.loads(asked[2])["resource_providers"]]

    await_until(lambda: known() == [NODE], 120, "the node in Placement", known)


API, CONDUCTOR = "nova-api", "nova-conductor"
# Of the rule: silence and age of a service that hangs, and the time that it has to catch up.
STALLED, CATCH_UP = openstack_ha_nova_progress.STALLED, openstack_ha_nova_progress.PATIENCE


def decided(site, kept, later):
    """
    What a master would decide of progress in so many seconds, and keep; the unit is older by
    STALLED than it is, as no test waits for that.
    """
    said = site.loaders.modules.openstack_ha_nova.evidence()
    if unit := said["units"].get(CONDUCTOR):
        unit["active_for"] += STALLED
    case = {
        "name": "demo",
        "system": "nova",
        "cluster": site.loaders.modules.openstack_ha.view(),
        "nodes": [NODE],
        "found": {NODE: said},
        "rivals": {},
        "records": {openstack_ha_nova_progress.SUBJECT: kept},
        "now": time.time() + later,
    }
    (decision,) = (
        one
        for one in openstack_ha_nova_rule.decide(case)
        if one.get("subject") == openstack_ha_nova_progress.SUBJECT
    )
    return decision, openstack_ha_nova_rule.remember(case, decision)


@pytest.fixture
def hung(served):
    """A conductor that is active and does nothing, and has not reported for long."""

    def has_just_reported():
        known = served.loaders.modules.openstack_ha_nova_status.services()
        (found,) = (one for one in known if one["binary"] == CONDUCTOR)
        return found if 0 <= found["silent_for"] <= 2 else None

    # So that it is not stopped in the middle of the next report.
    conductor = await_until(has_just_reported, 300, "a report of the conductor")
    subprocess.run(["systemctl", "kill", "--signal=SIGSTOP", CONDUCTOR], check=True)
    rows(
        "UPDATE nova.services SET last_seen_up = UTC_TIMESTAMP() - INTERVAL "
        f"{STALLED + 100} SECOND WHERE id = {conductor['id']}"
    )
    yield served
    subprocess.run(["systemctl", "kill", "--signal=SIGCONT", CONDUCTOR], check=False)


def test_a_service_that_hangs_is_restarted_once_and_reports_again(hung):
    modules = hung.loaders.modules
    said = modules.openstack_ha_nova.evidence()
    assert set(said["units"]) >= {CONDUCTOR, "nova-scheduler"}, "systemd sees nothing of it"
    first, kept = decided(hung, {}, 0)
    assert first["verdict"] == "wait", "it may catch up"
    assert CONDUCTOR in first["why"]
    step, kept = decided(hung, kept, CATCH_UP)
    assert (step["verdict"], step["nodes"]) == ("restart", [NODE]), step["why"]
    before = said["units"][CONDUCTOR]["started"]
    assert step["arguments"] == {"unit": CONDUCTOR, "started": before}
    main = main_pid(CONDUCTOR)
    after = modules.openstack_ha_nova.restart(**step["arguments"])["units"]
    assert after[CONDUCTOR]["started"] > before
    assert main_pid(CONDUCTOR) != main
    with pytest.raises(CommandExecutionError, match="has been started anew, and is not restarted"):
        modules.openstack_ha_nova.restart(**step["arguments"])

    def settled():
        decision, left = decided(hung, kept, CATCH_UP)
        return (decision["verdict"], left["restarted"]) == ("settled", {})

    await_until(
        settled, 300, "the conductor to report again", lambda: decided(hung, kept, CATCH_UP)
    )


def test_a_service_that_catches_up_is_left_alone(hung):
    _, kept = decided(hung, {}, 0)
    main = main_pid(CONDUCTOR)
    subprocess.run(["systemctl", "kill", "--signal=SIGCONT", CONDUCTOR], check=True)

    def caught_up():
        decision, left = decided(hung, kept, CATCH_UP)
        return (decision["verdict"], left["stalled"]) == ("settled", {})

    await_until(caught_up, 300, "the conductor to catch up", lambda: decided(hung, kept, CATCH_UP))
    assert main_pid(CONDUCTOR) == main


@pytest.fixture
def noted(served):
    """Return a function that has Nova know services, which it forgets at the end."""
    add = (
        "INSERT INTO nova.services (host, `binary`, topic, report_count, deleted, created_at, "
        "last_seen_up) SELECT '{0}', '{1}', '{1}', 0, 0, UTC_TIMESTAMP(), "
        "UTC_TIMESTAMP() - INTERVAL {2} SECOND"
    )
    yield lambda *service: rows(add.format(*service))
    rows("DELETE FROM nova.services WHERE host IN ('left', 'reports')")


def test_what_nova_has_noted_of_a_controller_that_left_is_forgotten(served, noted):
    """And nothing of one that reports, of a compute node, or of the others."""
    live = "SELECT host, `binary` FROM nova.services WHERE deleted = 0 ORDER BY id"
    before = rows(live)
    noted("left", "nova-conductor", 100)
    noted("left", "nova-scheduler", 100)
    noted("left", "nova-compute", 100)
    noted("reports", "nova-conductor", 0)
    forget = served.loaders.modules.openstack_ha_nova.forget_services
    assert forget(hosts=["left", "reports"]) == {"forgotten": 2}
    assert rows(live) == [*before, ["left", "nova-compute"], ["reports", "nova-conductor"]]
    assert forget(hosts=["left"]) == {"forgotten": 0}


def test_a_service_that_a_person_has_stopped_stays_so(hung):
    _, kept = decided(hung, {}, 0)
    subprocess.run(["systemctl", "stop", CONDUCTOR], check=True)
    try:
        decision, left = decided(hung, kept, CATCH_UP)
        assert (decision["verdict"], left["stalled"]) == ("settled", {}), decision["why"]
    finally:
        subprocess.run(["systemctl", "start", CONDUCTOR], check=True)


@pytest.mark.parametrize("test", [True, False])
def test_a_second_run_changes_nothing(computing, test):
    # In one run: they have their configuration in common.
    names = ",".join(f"openstack_ha.{name}" for name in SLS)
    singles = list(computing.sls(names, test=test))
    assert len({single.id for single in singles if "renewed" in single.id}) == len(SLS)
    for single in singles:
        assert (single.result, single.changes) == (True, {}), single


def test_no_secret_is_in_what_states_return(computing):
    returned = [computing.loaders.modules.openstack_ha_nova_conf.files()]
    returned += [one.full_return for one in computing.sls("openstack_ha.nova.compute")]
    secrets = computing.cluster["secrets"]
    own = [
        secrets["galera"]["accounts"]["nova"],
        secrets["rabbitmq"]["users"]["nova"],
        secrets["keystone"]["users"]["nova"],
    ]
    assert not [one for one in own if one in repr(returned)]


def main_pid(unit):
    argv = ["systemctl", "show", "--property=MainPID", "--value", unit]
    return int(subprocess.check_output(argv))


def test_a_changed_option_is_taken_by_a_new_process(served):
    """A sole node takes its own turn, and has nobody to serve meanwhile."""
    main = main_pid(API)
    served.cluster["nova"]["options"] = {"api": {"max_limit": 77}}
    served.write()
    result = served.sls("openstack_ha.nova.api")
    assert not_applied(result) == []
    assert main_pid(API) != main
    api(served, "GET", "/healthcheck", port=PORT, until=200)
