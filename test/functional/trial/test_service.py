"""
An API service of nobody's behind the real servers: test/trial/service over the formula.

What stands for a distribution's package is ``package``: a small WSGI application that asks Keystone
who somebody is and keeps notes in a schema of its own.
"""

import copy
import json
import pathlib
import shutil
import subprocess

import pytest
from controller import api, founded, serve, serve_keystone, token_of
from overlay import formula_with, put_first
from support import await_until, not_applied

PACKAGE = pathlib.Path(__file__).parent / "package"
PORT = 9797
NOTES = "/v1/notes"


@pytest.fixture(scope="module")
def formula(tmp_path_factory):
    made = formula_with("service", tmp_path_factory.mktemp("formula"))
    put_first(made)
    return made


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """Debian's package of the service is there, and runs nothing, as in every baked host."""
    folder = tmp_path_factory.mktemp("package")
    shutil.copytree(PACKAGE, folder / "notes", ignore=shutil.ignore_patterns("__pycache__"))
    for program in ("DEBIAN/postinst", "usr/bin/notes-manage"):
        (folder / "notes" / program).chmod(0o755)
    made = folder / "notes.deb"
    build = ["dpkg-deb", "--build", "--root-owner-group", folder / "notes", made]
    subprocess.run(build, check=True)
    subprocess.run(["dpkg", "--install", made], check=True)


@pytest.fixture(scope="module")
def site(cluster, formula, package, tmp_path_factory):
    """The one controller, with the secrets that the master's runner would make for the service."""
    import openstack_ha_cluster
    import openstack_ha_secrets

    cluster = copy.deepcopy(cluster)
    cluster["name"] = "functional-trial"
    systems = openstack_ha_cluster.all_systems(openstack_ha_cluster.complete(cluster))
    assert "notes" in systems
    cluster["secrets"] = openstack_ha_secrets.generate(cluster, systems)
    made = founded(tmp_path_factory.mktemp("site"), cluster, formula)
    serve_keystone(made)
    return made


@pytest.fixture(scope="module")
def served(site):
    """The service by its own states, which let its schema be made, and its objects in Keystone."""
    serve(site, "notes", PORT)
    return site


@pytest.fixture
def token(served):
    return token_of(served)


def sql(statement):
    argv = ["mariadb", "--batch", "--skip-column-names", "--execute", statement]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()


def test_the_highstate_brings_it_up_before_who_sends_it_work(site):
    low = site.loaders.modules.state.show_low_sls("openstack_ha")
    ids = [chunk["__id__"] for chunk in low]
    order = [
        *(f"openstack_ha_notes_{name}" for name in ("packages", "notes.conf", "turn", "schema")),
        *(f"openstack_ha_notes_{name}" for name in ("service", "renewed")),
        "openstack_ha_haproxy_service",
        "openstack_ha_keystone_identity",
    ]
    assert sorted(order, key=ids.index) == order


def test_nobody_is_answered_without_a_token(served):
    assert api(served, "GET", NOTES, port=PORT)[0] == 401


def test_a_token_of_keystones_is_answered_out_of_its_own_schema(served, token):
    text = "milk, bread"
    assert api(served, "POST", NOTES, {"text": text}, token, port=PORT)[0] == 201
    status, _, found = api(served, "GET", NOTES, token=token, port=PORT)
    assert (status, json.loads(found)) == (200, {"notes": [text]})
    assert sql("SELECT text FROM notes.notes") == [text]
    assert served.db_sync.pending("notes") == "nothing"
    assert sql("SELECT Db FROM mysql.db WHERE User = 'notes'") == ["notes"]


def test_another_project_sees_nothing_of_it(served):
    own = served.cluster["secrets"]["keystone"]["users"]["notes"]
    token = token_of(served, "notes", own, "service")
    assert json.loads(api(served, "GET", NOTES, token=token, port=PORT)[2]) == {"notes": []}


def test_it_is_in_the_catalog(served, token):
    catalog = json.loads(api(served, "GET", "/v3/auth/catalog", token=token)[2])["catalog"]
    (own,) = [one for one in catalog if one["type"] == "notes"]
    name = served.loaders.modules.openstack_ha.view()["vip"]["fqdn"]
    assert {one["url"] for one in own["endpoints"]} == {f"https://{name}:{PORT}/v1"}
    assert {one["interface"] for one in own["endpoints"]} == {"admin", "internal", "public"}


@pytest.fixture(scope="module")
def second(served):
    """What a second run of all that knows it returns, in both modes."""
    names = ("notes", "haproxy", "keystone.identity")
    return [
        one
        for mode in (True, False)
        for name in names
        for one in served.sls(f"openstack_ha.{name}", test=mode)
    ]


def test_a_second_run_changes_nothing(second):
    for single in second:
        assert (single.result, single.changes) == (True, {}), single


def test_an_option_is_taken_in_its_turn(served, token):
    served.cluster["notes"] = {"options": {"keystone_authtoken": {"token_cache_time": 17}}}
    served.write()
    result = served.sls("openstack_ha.notes")
    assert not_applied(result) == []
    changed = {one.id for one in result if one.changes}
    assert changed == {"openstack_ha_notes_notes.conf", "openstack_ha_notes_renewed"}
    await_until(
        lambda: api(served, "GET", NOTES, token=token, port=PORT)[0] == 200, 120, "an answer"
    )


def test_no_secret_is_in_what_states_return(served, second):
    returned = [served.loaders.modules.openstack_ha_options.files("notes")]
    returned += [one.full_return for one in second]
    secrets = served.cluster["secrets"]
    for secret in (secrets["keystone"]["users"]["notes"], secrets["galera"]["accounts"]["notes"]):
        assert secret not in repr(returned)
