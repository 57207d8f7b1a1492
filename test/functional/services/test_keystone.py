"""A real Keystone behind a real HAProxy: the master's steps, keys under load, and its objects."""

import concurrent.futures
import contextlib
import copy
import http.client
import json
import pathlib
import socket
import ssl
import subprocess

import openstack_ha_fernet
import pytest
from controller import NODE, api, founded, serve_keystone, token_of
from support import not_applied

KEYS = pathlib.Path("/etc/keystone/fernet-keys")
# On one connection; without the header every fifteenth of them was cut.
REQUESTS = 300


@pytest.fixture(scope="module")
def site(cluster, tmp_path_factory):
    cluster = copy.deepcopy(cluster)
    cluster["keystone"] = {
        "projects": {"trial": {"description": "of a test"}},
        "users": {"alice": {"email": "alice@example.org"}},
        "roles": ["auditor"],
        "assignments": [
            {"user": "alice", "project": "trial", "role": "member"},
            {"user": "alice", "project": "trial", "role": "auditor"},
        ],
    }
    cluster["secrets"]["keystone"]["users"]["alice"] = "made-up-alice"
    return founded(tmp_path_factory.mktemp("keystone"), cluster)


@pytest.fixture(scope="module")
def served(site):
    """After the master's steps in their order."""
    serve_keystone(site)
    return site


def test_a_package_without_keys_starts_nothing(site):
    subprocess.run(["systemctl", "start", "keystone"], check=True)
    assert subprocess.run(["systemctl", "is-active", "keystone"], check=False).returncode
    assert site.keystone.lacks() == ["keys", "administrator"]
    assert site.db_sync.pending("keystone") == "sync"
    result = site.states.openstack_ha_keystone.prepared(name="demo", test=True)
    assert result.result is None
    assert list(result.changes) == ["keys", "administrator"]
    result = site.states.openstack_ha_db_sync.synced(name="keystone", cluster="demo", test=True)
    assert result.result is None
    assert result.changes == {"schema": {"old": "there is no schema", "new": "synced"}}


def test_a_step_of_the_masters_own_is_named_where_there_is_no_master(site):
    result = site.states.openstack_ha_keystone.prepared(name="demo")
    assert result.result is False
    assert "create_keys is a master's own step, and there is none" in result.comment


def test_without_a_word_the_wait_ends_in_time(site, of_a_master):
    states = of_a_master(site.loaders)
    for result in (
        states["openstack_ha_keystone.prepared"](name="demo", patience=1),
        states["openstack_ha_db_sync.synced"](name="keystone", cluster="demo", patience=1),
    ):
        assert result["result"] is False
        assert "the master gave no word" in result["comment"]


def test_a_token_comes_through_the_vip(served):
    token = token_of(served)
    status, _, text = api(served, "GET", "/v3/auth/catalog", token=token)
    assert status == 200
    assert [one["type"] for one in json.loads(text)["catalog"]] == ["identity"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cache": {"memcache_socket_timout": 3}}, "did you mean memcache_socket_timeout?"),
        ({"DEFAULT": {"log-file": "/x"}}, "[DEFAULT] log-file: is no option"),
        ({"ldap": {"page_size": "many"}}, "[ldap] page_size: cannot be read"),
        ({"auth": {"methods": ["password", "token"]}}, "has one value, and several are given"),
    ],
)
def test_what_keystone_cannot_read_leaves_its_file_as_it_is(served, options, told):
    config = pathlib.Path("/etc/keystone/keystone.conf")
    before = config.read_text(encoding="utf-8")
    said = served.said_of("keystone", "keystone.conf", options)
    assert said.result is False
    assert told in said.comment
    assert config.read_text(encoding="utf-8") == before


def test_an_option_of_keystones_has_several_values(served):
    config = pathlib.Path("/etc/keystone/keystone.conf")
    before = config.read_text(encoding="utf-8")
    pages = ["https://a.example.org/", "https://b.example.org/"]
    try:
        said = served.said_of(
            "keystone", "keystone.conf", {"federation": {"trusted_dashboard": pages}}
        )
        assert said.result is True, said.comment
        lines = config.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if "trusted" in line] == [
            f"trusted_dashboard = {page}" for page in pages
        ]
    finally:
        config.write_text(before, encoding="utf-8")


def test_a_connection_that_is_used_again_is_never_cut(served):
    """uWSGI closes after each answer; HAProxy must know, or it sends a request into the void."""
    context = ssl.create_default_context(cadata=served.cluster["tls"]["ca"])
    address = served.cluster["vip"]["address"]
    with contextlib.closing(http.client.HTTPSConnection(address, 5000, context=context)) as kept:
        kept.connect()
        first = kept.sock
        for _ in range(REQUESTS):
            kept.request("GET", "/v3")
            assert kept.getresponse().read()
        assert kept.sock is first


def test_a_second_run_changes_nothing(served):
    for test in (True, False):
        for single in served.sls("openstack_ha.keystone", test=test):
            assert (single.result, single.changes) == (True, {}), single


def test_what_runs_with_an_older_file_is_renewed(served):
    config, turn = (
        pathlib.Path("/etc/keystone/keystone.conf"),
        served.loaders.modules.openstack_ha_turn,
    )
    before = config.read_text(encoding="utf-8")
    assert turn.is_outdated("keystone") is False
    config.write_text(before + "# by hand\n", encoding="utf-8")
    try:
        shown = served.states.openstack_ha_turn.renewed(name="keystone", cluster="demo", test=True)
        assert (shown.result, list(shown.changes)) == (None, ["keystone"])
        assert turn.is_outdated("keystone") is True
        done = served.states.openstack_ha_turn.renewed(name="keystone", cluster="demo")
        assert done.result is True, done.comment
        assert turn.is_outdated("keystone") is False
    finally:
        config.write_text(before, encoding="utf-8")
    served.apply("keystone.service")
    for test in (True, False):
        again = served.states.openstack_ha_turn.renewed(name="keystone", cluster="demo", test=test)
        assert (again.result, again.changes) == (True, {})
    api(served, "GET", "/healthcheck", until=200)


def test_a_new_database_is_not_taken_for_the_old_one(served):
    """Keystone goes on meanwhile, and its caches know the old administrator's id."""
    token_of(served)
    subprocess.run(["mariadb", "--execute", "DROP DATABASE keystone"], check=True)
    served.loaders.modules.openstack_ha_galera.accounts_apply()
    served.db_sync.sync("keystone")
    served.keystone.bootstrap()
    assert token_of(served)


def test_no_secret_is_in_what_states_and_steps_return(served):
    returned = [
        served.keystone.evidence(),
        served.keystone.take_keys(),
        served.loaders.modules.openstack_ha_options.files("keystone"),
        *(one.full_return for one in served.sls("openstack_ha.keystone")),
    ]
    secrets = [
        *served.keyring["fernet"].values(),
        *served.keyring["credential"].values(),
        served.cluster["secrets"]["keystone"]["admin"],
        served.cluster["secrets"]["galera"]["accounts"]["keystone"],
    ]
    assert not [one for one in secrets if one in repr(returned)]


def test_keys_that_nobody_has_confirmed_for_long_keep_keystone_from_starting(served):
    confirmed = pathlib.Path("/var/lib/openstack_ha/keystone-keys")
    subprocess.run(["touch", "--date=-25 hours", str(confirmed)], check=True)
    assert served.keystone.lacks() == ["keys"]
    subprocess.run(["systemctl", "restart", "keystone"], check=True)
    assert subprocess.run(["systemctl", "is-active", "keystone"], check=False).returncode
    served.keystone.take_keys()
    subprocess.run(["systemctl", "start", "keystone"], check=True)
    api(served, "GET", "/healthcheck", until=200)


def forget_tokens(site):
    """Empty memcached, so that a token is looked at again instead of remembered."""
    with socket.create_connection((site.cluster["nodes"][NODE]["address"], 11211), 5) as cache:
        cache.sendall(b"flush_all\r\n")
        assert cache.recv(100) == b"OK\r\n"


def refusals(site, tokens):
    """The tokens that are refused, each asked about by itself."""
    forget_tokens(site)
    found = []
    for token in tokens:
        status, _, text = api(site, "GET", "/v3/auth/catalog", token=token)
        if status != 200:
            found.append((status, text))
    return found


# Keystone's own max_active_keys would end the first token with the third.
@pytest.mark.parametrize("rotations", [4, pytest.param(10, marks=pytest.mark.long)])
def test_no_token_is_refused_during_and_after_rotations(served, rotations):
    tokens, refused, asked = [token_of(served)], [], 0
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        for _ in range(rotations):
            served.rotate()
            taking = pool.submit(served.keystone.take_keys)
            while not taking.done():
                refused += refusals(served, tokens)
                asked += len(tokens)
            assert taking.result()["fernet"] == openstack_ha_fernet.fingerprints(
                served.keyring["fernet"]
            )
            tokens.append(token_of(served))
    refused += refusals(served, tokens)
    print(f"{asked + len(tokens)} questions about {len(tokens)} tokens")
    assert refused == []
    assert sorted(KEYS.iterdir()) == sorted(KEYS / index for index in served.keyring["fernet"])
    assert {path.stat().st_mode & 0o777 for path in KEYS.iterdir()} == {0o600}


def test_a_key_that_is_gone_is_missed(served):
    """That the questions of the test before this one can fail."""
    token = token_of(served)
    former = served.keyring
    served.keyring = {**former, "fernet": openstack_ha_fernet.created(0)["fernet"]}
    served.write()
    served.keystone.take_keys()
    assert refusals(served, [token])
    served.keyring = former
    served.write()
    served.keystone.take_keys()
    assert refusals(served, [token]) == []


@pytest.fixture(scope="module")
def owner(served):
    assert not_applied(served.sls("openstack_ha.keystone.install")) == []
    program = "/usr/libexec/openstack_ha/openstack-ha-identity.py"
    source = "salt://openstack_ha/keystone/files/openstack-ha-identity.py"
    served.states.file.managed(name=program, source=source, makedirs=True)
    served.word.hear("keystone", "settled", "all is well", owner=NODE)
    api(served, "GET", "/healthcheck", until=200)
    return served


def managed(site, **more):
    return site.states.openstack_ha_identity.managed(name="demo", **more)


def test_objects_in_both_modes(owner):
    would = owner.states.openstack_ha_identity.managed(name="demo", test=True)
    assert would.result is None, would.comment
    assert {"user Default alice", "project Default trial", "role auditor"} <= set(would.changes)
    done = managed(owner)
    assert done.result is True, done.comment
    assert done.changes == would.changes
    for test in (True, False):
        again = managed(owner, test=test)
        assert (again.result, again.changes) == (True, {}), again.comment
    assert token_of(owner, "alice", "made-up-alice", "trial")
    assert "made-up" not in repr([would.full_return, done.full_return])


def listed(site, kind, token, query=""):
    return json.loads(api(site, "GET", f"/v3/{kind}{query}", token=token)[2])[kind]


def test_what_is_edited_by_hand_is_seen_and_put_right(owner):
    managed(owner)
    token = token_of(owner)
    (service,) = listed(owner, "services", token, "?type=identity")
    query = f"?interface=public&service_id={service['id']}"
    (endpoint,) = listed(owner, "endpoints", token, query)
    (user,) = listed(owner, "users", token, "?name=alice")
    (project,) = listed(owner, "projects", token, "?name=trial")
    (role,) = listed(owner, "roles", token, "?name=auditor")
    grant = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role['id']}"
    edits = (
        ("PATCH", f"/v3/endpoints/{endpoint['id']}", {"endpoint": {"url": "http://elsewhere"}}),
        ("PATCH", f"/v3/users/{user['id']}", {"user": {"password": "another", "email": "x@y"}}),
        ("DELETE", grant, None),
    )
    for method, path, body in edits:
        assert api(owner, method, path, body, token)[0] < 300
    would = managed(owner, test=True)
    assert would.result is None and would.changes, would.comment
    assert would.changes == {
        "user Default alice": {
            "old": {"email": "x@y", "password": "another"},
            "new": {"email": "alice@example.org", "password": "the pillar's"},
        },
        "endpoint identity public RegionOne": {
            "old": {"url": "http://elsewhere"},
            "new": {"url": endpoint["url"]},
        },
        "assignment auditor Default alice project:Default/trial": {
            "old": "absent",
            "new": "present",
        },
    }
    assert managed(owner).changes == would.changes
    assert managed(owner, test=True).changes == {}
    assert token_of(owner, "alice", "made-up-alice", "trial")


def test_what_the_formula_made_and_the_pillar_drops_goes_only_when_told(owner):
    managed(owner)
    token = token_of(owner)
    for kind in ("roles", "users", "projects"):
        marks = {one["name"]: one.get("made_by") for one in listed(owner, kind, token)}
        assert "openstack_ha" in marks.values(), kind
    ours = {"name": "dropped", "domain_id": "default", "made_by": "openstack_ha"}
    for user in (ours, {"name": "bob", "domain_id": "default"}):
        status, _, text = api(owner, "POST", "/v3/users", {"user": user}, token)
        assert status in (201, 409), text
    assert managed(owner).changes == {}
    would = owner.states.openstack_ha_identity.managed(name="demo", prune=True, test=True)
    gone = {"user Default dropped": {"old": "present", "new": "absent"}}
    assert would.changes == gone, would.comment
    assert managed(owner, prune=True).changes == gone
    names = {one["name"] for one in listed(owner, "users", token)}
    assert "bob" in names
    assert "dropped" not in names


def test_nobody_else_looks_after_the_objects(owner):
    owner.word.hear("keystone", "settled", "all is well", owner="ctl2")
    result = managed(owner)
    assert (result.result, result.changes) == (True, {})
    assert result.comment == "Another controller looks after the objects."
    owner.word.hear("keystone", "settled", "all is well", owner=NODE)


def test_the_operators_client_works(owner):
    shown = subprocess.run(
        ["openstack", "--os-cloud", "admin", "endpoint", "list", "--format", "json"],
        capture_output=True,
        check=True,
    )
    assert {one["Service Type"] for one in json.loads(shown.stdout)} == {"identity", "placement"}
    assert pathlib.Path("/etc/openstack/clouds.yaml").stat().st_mode & 0o777 == 0o600
