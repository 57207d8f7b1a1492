"""A real Glance behind a real HAProxy, whose images are objects in a real Swift."""

import contextlib
import copy
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess

import pytest
from controller import NODE, api, founded, serve, serve_keystone, token_of
from support import await_until, not_applied

PORT, SWIFT_PORT = 9292, 8080
# Of an account, a container or an object: max_meta_count of Swift's constraints.
MOST_METADATA = 90
BUILT = pathlib.Path("/var/lib/openstack_ha/swift")
SWIFT = pathlib.Path("/etc/swift")
CACHE = pathlib.Path("/var/lib/glance/cached")
UWSGI = pathlib.Path("/etc/glance/openstack_ha/uwsgi.ini")
IMAGE = {"name": "trial", "disk_format": "raw", "container_format": "bare"}
CHUNK = 1 << 16


@pytest.fixture(scope="module")
def site(cluster, without_swift, tmp_path_factory):
    """One host that is controller, proxy and storage node."""
    cluster = copy.deepcopy(cluster)
    cluster["name"] = "functional-glance"
    # It does not run here: its pages are what a browser would come from.
    cluster["horizon"] = {}
    node = cluster["nodes"][NODE]
    node.update(
        roles=["controller", "proxy", "storage"],
        storage={"zone": 1, "devices": {name: {} for name in ("gl1", "gl2", "gl3")}},
    )
    ring = {"part_power": 4, "allow_fewer_zones": True, "max_dispersion": 100, "overload": 1}
    cluster["swift"] = {
        "devices": {"kind": "directories"},
        "keep_copies": False,
        "rings": {name: dict(ring) for name in ("account", "container", "object")},
        **{name: {"workers": 1} for name in ("proxy", "account", "container", "object")},
    }
    without_swift()
    made = founded(tmp_path_factory.mktemp("glance"), cluster)
    serve_keystone(made)
    return made


@pytest.fixture(scope="module")
def swift(site):
    site.apply("swift.storage.devices", "swift.rings", "swift.config")
    for ring in BUILT.glob("*.ring.gz"):
        shutil.copy2(ring, SWIFT)
        shutil.chown(SWIFT / ring.name, group="swift")
    site.apply("swift.storage", "swift.proxy")
    return site


@pytest.fixture(scope="module")
def served(swift):
    """After the master's step, with the objects of identity."""
    swift.apply("glance.config")
    assert swift.db_sync.pending("glance") == "sync"
    assert swift.db_sync.sync("glance") == {"pending": "nothing"}
    serve(swift, "glance", PORT)
    return swift


def test_what_glance_cannot_read_leaves_its_file_as_it_is(served):
    config = UWSGI.with_name("glance-api.conf")
    before = config.read_text(encoding="utf-8")
    options = {"DEFAULT": {"image_size_cap": "much"}, "glance_store": {"default_backnd": "swift"}}
    said = served.said_of("glance", "glance-api.conf", options)
    assert said.result is False
    assert "[DEFAULT] image_size_cap: cannot be read" in said.comment
    assert "did you mean default_backend?" in said.comment
    assert config.read_text(encoding="utf-8") == before


def test_what_changes_in_a_file_is_told_in_both_modes_and_no_secret(served, tmp_path):
    path = tmp_path / "some.conf"
    password = {"password": [{"secret": "keystone:users:glance"}]}
    secret = served.cluster["secrets"]["keystone"]["users"]["glance"]

    def written(options, test):
        return served.states.openstack_ha_options.written(
            name=str(path), system="glance", group="glance", options=options, test=test
        )

    first, second = {"one": {"debug": False}}, {"one": {"debug": True, **password}}
    assert written(first, test=True).result is None and not path.exists()
    assert written(first, test=False).result is True
    told = {
        "[one] debug": {"old": "False", "new": "True"},
        "[one] password": {"old": None, "new": "(not shown)"},
    }
    for test, result in ((True, None), (False, True)):
        found = written(second, test=test)
        assert (found.result, found.changes) == (result, told)
        assert secret not in str(found.raw)
    assert path.read_text(encoding="utf-8").endswith(f"debug = True\npassword = {secret}\n")
    assert (path.group(), path.stat().st_mode & 0o777) == ("glance", 0o640)
    for test in (True, False):
        assert (written(second, test=test).result, written(second, test=test).changes) == (True, {})


@pytest.fixture
def token(served):
    return token_of(served)


@pytest.fixture
def image(served, token):
    status, _, text = api(served, "POST", "/v2/images", IMAGE, token, port=PORT)
    assert status == 201, text
    found = json.loads(text)["id"]
    yield found
    api(served, "DELETE", f"/v2/images/{found}", token=token, port=PORT)


def own_token(served):
    """A new token of Glance's own user."""
    own = served.cluster["secrets"]["keystone"]["users"]["glance"]
    return token_of(served, "glance", own, "service")


@pytest.fixture
def account(served):
    """The account of Glance's own user in Swift: its path and his token."""
    token = own_token(served)
    catalog = json.loads(api(served, "GET", "/v3/auth/catalog", token=token)[2])["catalog"]
    (store,) = [one for one in catalog if one["type"] == "object-store"]
    return store["endpoints"][0]["url"].split(f":{SWIFT_PORT}", 1)[1], token


def connection(site, port=PORT):
    context = ssl.create_default_context(cadata=site.cluster["tls"]["ca"])
    vip = site.cluster["vip"]["address"]
    return http.client.HTTPSConnection(vip, port, timeout=300, context=context)


def upload(site, token, image, data, is_chunked):
    """Upload with its size, or in chunks as whoever reads from a pipe."""
    headers = {"X-Auth-Token": token, "Content-Type": "application/octet-stream"}
    body = data
    if is_chunked:
        headers["Transfer-Encoding"] = "chunked"
        body = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
    asked = connection(site)
    asked.request("PUT", f"/v2/images/{image}/file", body, headers, encode_chunked=is_chunked)
    answer = asked.getresponse()
    return answer.status, answer.read()


def download(site, token, image, between=None):
    asked = connection(site)
    asked.request("GET", f"/v2/images/{image}/file", headers={"X-Auth-Token": token})
    answer = asked.getresponse()
    assert answer.status == 200, answer.read()
    begin = answer.read(CHUNK)
    if between:
        between()
    return begin + answer.read()


def test_a_second_run_changes_nothing(served):
    for test in (True, False):
        for name in ("authority", "glance", "swift.proxy", "haproxy", "keystone.identity"):
            for single in served.sls(f"openstack_ha.{name}", test=test):
                assert (single.result, single.changes) == (True, {}), single


def test_nobody_gets_images_without_a_token(served):
    assert api(served, "GET", "/v2/images", port=PORT)[0] == 401


@pytest.mark.parametrize(
    ("origin", "is_let"),
    [("https://cloud.example.org", True), ("https://elsewhere.example.com", False)],
)
def test_a_browser_may_give_images_from_the_dashboards_pages_alone(served, origin, is_let):
    asked = connection(served)
    wanted = "content-type,x-auth-token"
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": wanted,
    }
    asked.request("OPTIONS", "/v2/images/any/file", headers=headers)
    found = asked.getresponse()
    found.read()
    assert (found.getheader("Access-Control-Allow-Origin") == origin) == is_let
    if is_let:
        assert found.status == 200
        assert found.getheader("Access-Control-Allow-Methods") == "PUT"
        allowed = found.getheader("Access-Control-Allow-Headers").lower().split(",")
        assert set(wanted.split(",")) <= {one.strip() for one in allowed}


@pytest.mark.parametrize("is_chunked", [False, True], ids=["sized", "chunked"])
def test_an_image_comes_back_as_it_was(served, token, image, is_chunked):
    data = os.urandom(30_000_001)
    status, text = upload(served, token, image, data, is_chunked)
    assert status == 204, text
    found = json.loads(api(served, "GET", f"/v2/images/{image}", token=token, port=PORT)[2])
    assert (found["status"], found["size"]) == ("active", len(data))
    assert found["os_hash_value"] == hashlib.sha512(data).hexdigest()
    assert download(served, token, image) == data


def is_open(peer):
    with contextlib.suppress(OSError), socket.create_connection(peer, 1):
        return True
    return False


def test_a_proxy_of_swift_that_restarts_does_not_end_a_download(served, token, image):
    data = os.urandom(60_000_000)
    assert upload(served, token, image, data, False)[0] == 204

    def restart():
        subprocess.run(["systemctl", "kill", "--signal=KILL", "swift-proxy"], check=True)
        subprocess.run(["systemctl", "start", "swift-proxy"], check=True)
        proxy = (served.cluster["nodes"][NODE]["address"], SWIFT_PORT)
        await_until(lambda: is_open(proxy), 120, "the proxy's port")

    assert download(served, token, image, restart) == data


def listed(served, container, token):
    status, _, text = api(served, "GET", container, token=token, port=SWIFT_PORT)
    assert status == 200, text
    return text.decode().split()


def test_images_are_in_the_service_users_account(served, token, image, account):
    assert upload(served, token, image, b"bits", False)[0] == 204
    path, of_glance = account
    # Two of three replicas are enough for an answer, and any of them may be asked.
    await_until(
        lambda: listed(served, f"{path}/glance", of_glance) == [image], 60, "the image alone"
    )
    # Nobody else's, the administrator's of another project neither.
    assert api(served, "GET", f"{path}/glance", token=token, port=SWIFT_PORT)[0] == 403


def test_a_keystone_that_is_away_makes_no_token_invalid(served, account):
    path, _ = account
    # A token that nobody has looked at yet, so that its facts lie in no cache.
    unknown = own_token(served)

    def status(token):
        return api(served, "GET", path, token=token, port=SWIFT_PORT)[0]

    assert (status("nonsense"), status(None)) == (401, 401)
    subprocess.run(["systemctl", "stop", "keystone"], check=True)
    try:
        assert status(unknown) == 503
        # Nobody has to be asked about who comes without a token.
        assert status(None) == 401
    finally:
        subprocess.run(["systemctl", "start", "keystone"], check=True)
    await_until(lambda: status(unknown) == 200, 60, "Keystone", lambda: status(unknown))
    assert status("nonsense") == 401


def test_an_account_with_as_many_headers_as_swift_allows_is_answered(served, account, monkeypatch):
    """Found by Swift's own functional tests: HAProxy made 502 of it."""
    # Python's own clients read 100.
    monkeypatch.setattr(http.client, "_MAXHEADERS", 1000)
    path, of_glance = account
    names = {f"x-account-meta-{number}" for number in range(MOST_METADATA)}
    asked = connection(served, SWIFT_PORT)
    asked.request("POST", path, headers={"X-Auth-Token": of_glance, **dict.fromkeys(names, "v")})
    assert asked.getresponse().status == 204
    status, headers, _ = api(served, "HEAD", path, token=of_glance, port=SWIFT_PORT)
    assert status == 204
    assert names <= {name.lower() for name in headers}


def test_no_secret_is_in_what_states_return(served):
    returned = [served.loaders.modules.openstack_ha_options.files("glance")]
    returned += [one.full_return for one in served.sls("openstack_ha.glance")]
    secrets = [
        served.cluster["secrets"]["keystone"]["users"]["glance"],
        served.cluster["secrets"]["galera"]["accounts"]["glance"],
    ]
    assert not [one for one in secrets if one in repr(returned)]


@pytest.fixture
def cached(served):
    """The same with a cache of images."""
    before = served.cluster.get("glance", {})
    for options in ({**before, "cache_size": 1}, before):
        served.cluster["glance"] = options
        served.write()
        assert not_applied(served.sls("openstack_ha.glance")) == []
        api(served, "GET", "/healthcheck", until=200, port=PORT)
        if options is not before:
            yield served


def test_a_cached_image_is_served_without_swift(cached, token, image):
    data = os.urandom(5_000_000)
    assert upload(cached, token, image, data, False)[0] == 204
    assert download(cached, token, image) == data
    # It is put in its place when the last byte has gone out.
    await_until(
        (CACHE / image).exists, 120, "the image in the cache", lambda: list(CACHE.iterdir())
    )
    subprocess.run(["systemctl", "stop", "swift-proxy"], check=True)
    try:
        assert download(cached, token, image) == data
    finally:
        subprocess.run(["systemctl", "start", "swift-proxy"], check=True)
    assert (CACHE / image).read_bytes() == data
    (line,) = [
        line for line in UWSGI.read_text(encoding="utf-8").splitlines() if line.startswith("cron2")
    ]
    pruning = line[line.index("/usr/bin") :]
    # What was asked for last goes last, so with place for one other image this one goes.
    config = "/etc/glance/openstack_ha/glance-api.conf"
    small = pathlib.Path("/run/glance-small.conf")
    text = pathlib.Path(config).read_text(encoding="utf-8")
    small.write_text(text.replace("image_cache_max_size = 1000000000", "image_cache_max_size = 9"))
    subprocess.run(["sh", "-c", pruning.replace(config, str(small))], check=True)
    assert not (CACHE / image).exists()
    assert download(cached, token, image) == data


def main_pid():
    argv = ["systemctl", "show", "--property=MainPID", "--value", "glance-api"]
    return int(subprocess.check_output(argv))


def test_a_changed_option_is_taken_by_a_new_process(served):
    """A sole node takes its own turn, and has nobody to serve meanwhile."""
    main = main_pid()
    served.cluster["glance"] = {"options": {"DEFAULT": {"image_member_quota": 77}}}
    served.write()
    result = served.sls("openstack_ha.glance")
    assert not_applied(result) == []
    changed = {one.id for one in result if one.changes}
    assert changed == {"openstack_ha_glance_glance-api.conf", "openstack_ha_glance_renewed"}
    assert main_pid() != main
    api(served, "GET", "/healthcheck", port=PORT, until=200)


def test_the_operators_client_lists_images(served, image):
    shown = subprocess.run(
        ["openstack", "--os-cloud", "admin", "image", "list", "--format", "json"],
        capture_output=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr
    assert image in {one["ID"] for one in json.loads(shown.stdout)}
