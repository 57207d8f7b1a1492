"""A real Placement behind a real HAProxy: its schema, its turn, and what providers have to give."""

import json
import subprocess

import pytest
from controller import api, founded, serve, serve_keystone, token_of
from support import await_until, not_applied

PORT = 8778
VERSION = "placement 1.39"
CONSUMER = "0f5c3b6e-7f2a-4f6a-9a54-3f2c9f2f7d11"
# The last revision of its schema, which Placement of Debian 12 has from an older one.
OLDER = (
    "ALTER TABLE consumers DROP FOREIGN KEY consumers_consumer_type_id_fkey",
    "ALTER TABLE consumers DROP COLUMN consumer_type_id",
    "DROP TABLE consumer_types",
    "UPDATE alembic_version SET version_num = 'b5c396305c25'",
)


@pytest.fixture(scope="module")
def site(cluster, tmp_path_factory):
    made = founded(tmp_path_factory.mktemp("placement"), cluster)
    serve_keystone(made)
    return made


@pytest.fixture(scope="module")
def served(site):
    """After the master's step, with the objects of identity."""
    site.apply("placement.config")
    assert site.db_sync.pending("placement") == "sync"
    assert site.db_sync.sync("placement") == {"pending": "nothing"}
    serve(site, "placement", PORT)
    return site


@pytest.fixture
def ask(served):
    """Return a function that asks Placement as an administrator, and returns status and answer."""
    token = token_of(served)

    def asked(method, path, body=None):
        status, _, text = api(served, method, path, body, token, port=PORT, version=VERSION)
        return status, json.loads(text) if text else None

    return asked


@pytest.fixture
def provider(ask):
    """A provider with four processors."""
    status, made = ask("POST", "/resource_providers", {"name": "cmp1"})
    assert status == 200, made
    path = f"/resource_providers/{made['uuid']}"
    inventory = {"resource_provider_generation": 0, "inventories": {"VCPU": {"total": 4}}}
    assert ask("PUT", f"{path}/inventories", inventory)[0] == 200
    yield made["uuid"]
    assert ask("DELETE", path)[0] == 204


def candidates(ask, processors):
    status, found = ask("GET", f"/allocation_candidates?resources=VCPU:{processors}")
    assert status == 200, found
    return list(found["provider_summaries"])


def test_a_second_run_changes_nothing(served):
    for test in (True, False):
        for name in ("placement", "haproxy", "keystone.identity"):
            for single in served.sls(f"openstack_ha.{name}", test=test):
                assert (single.result, single.changes) == (True, {}), single


def test_nobody_is_told_of_providers_without_a_token(served):
    assert api(served, "GET", "/resource_providers", port=PORT)[0] == 401


def test_what_a_provider_has_is_found_until_it_is_taken_or_gone(ask, provider):
    assert candidates(ask, 3) == [provider]
    claim = {
        "allocations": {provider: {"resources": {"VCPU": 2}}},
        "project_id": "trial",
        "user_id": "trial",
        "consumer_generation": None,
        "consumer_type": "INSTANCE",
    }
    assert ask("PUT", f"/allocations/{CONSUMER}", claim) == (204, None)
    try:
        assert candidates(ask, 3) == []
        assert candidates(ask, 2) == [provider]
    finally:
        assert ask("DELETE", f"/allocations/{CONSUMER}") == (204, None)
    assert candidates(ask, 3) == [provider]


def test_a_provider_that_was_deleted_gives_nothing(ask):
    assert candidates(ask, 1) == []


def test_the_operators_client_lists_providers(served, provider):
    shown = subprocess.run(
        ["openstack", "--os-cloud", "admin", "resource", "provider", "list", "--format", "json"],
        capture_output=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert [one["uuid"] for one in json.loads(shown.stdout)] == [provider]


def test_a_drained_one_says_so_and_haproxy_sends_it_nothing(served):
    turn, peer = served.loaders.modules.openstack_ha_turn, served.loaders.modules

    def serves():
        (row,) = [
            one
            for one in peer.openstack_ha_haproxy.status()
            if one["proxy"] == "placement" and one["kind"] == "server"
        ]
        return row["serving"]

    assert serves()
    turn.drain("placement")
    try:
        await_until(lambda: not serves(), 60, "HAProxy to take it out")
        assert api(served, "GET", "/", port=PORT)[0] == 503
    finally:
        turn.readmit("placement")
    await_until(serves, 60, "HAProxy to let it in")
    api(served, "GET", "/", port=PORT, until=200)


def test_an_older_schema_is_expanded(served, ask, provider):
    for statement in OLDER:
        subprocess.run(["mariadb", "placement", "--execute", statement], check=True)
    assert served.db_sync.pending("placement") == "expand"
    assert served.db_sync.expand("placement") == {"pending": "nothing"}
    assert candidates(ask, 1) == [provider]


def test_no_secret_is_in_what_states_return(served):
    returned = [served.loaders.modules.openstack_ha_options.files("placement")]
    returned += [one.full_return for one in served.sls("openstack_ha.placement")]
    secrets = [
        served.cluster["secrets"]["keystone"]["users"]["placement"],
        served.cluster["secrets"]["galera"]["accounts"]["placement"],
    ]
    assert not [one for one in secrets if one in repr(returned)]


def main_pid():
    argv = ["systemctl", "show", "--property=MainPID", "--value", "placement-api"]
    return int(subprocess.check_output(argv))


def test_a_changed_option_is_taken_by_a_new_process(served):
    """A sole node takes its own turn, and has nobody to serve meanwhile."""
    main = main_pid()
    served.cluster["placement"] = {"options": {"placement": {"allocation_conflict_retry_count": 5}}}
    served.write()
    result = served.sls("openstack_ha.placement")
    assert not_applied(result) == []
    changed = {one.id for one in result if one.changes}
    assert changed == {
        "openstack_ha_placement_placement.conf",
        "openstack_ha_placement_renewed",
    }
    assert main_pid() != main
    api(served, "GET", "/healthcheck", port=PORT, until=200)
