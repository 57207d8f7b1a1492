"""A real Horizon behind a real HAProxy, where people log in by a real Keystone."""

import contextlib
import copy
import html.parser
import os
import pathlib
import re
import subprocess
import time

import pytest
import requests
from controller import NODE, api, founded, serve_keystone
from support import await_until, not_applied

PORT = 443
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
STATIC = pathlib.Path("/var/lib/openstack-dashboard/openstack_ha-static")
MADE_OF = pathlib.Path(f"{STATIC}.made-of")
MANIFEST = STATIC / "dashboard/manifest.json"
MAINTENANCE = pathlib.Path("/run/openstack-ha-health/horizon.maintenance")
LOGIN = "/auth/login/"
SESSION, STICKY = "sessionid", "openstack_ha_horizon"
# What browsers keep of one cookie, its name with it.
LARGEST_COOKIE = 4096
FAILURES = 5
# What HAProxy says where none of the servers has answered its checks: here there is one, and the
# host has sometimes less to give than all of its tests ask for at once.
AWAY = "No server is available to handle this request"
# What nobody outside should read.
INSIDE = re.compile(r"Traceback|Django Version|Python Version|DEBUG = True|uWSGI|\b23\.0\.0\b")


@pytest.fixture(scope="module")
def site(cluster, without_swift, tmp_path_factory):
    cluster = copy.deepcopy(cluster)
    cluster["name"] = "functional-horizon"
    cluster["horizon"] = {"title": "Trial Cloud", "workers": 2, "failed_logins": FAILURES}
    without_swift()
    made = founded(tmp_path_factory.mktemp("horizon"), cluster)
    serve_keystone(made)
    made.word.hear("keystone", "settled", "all is well", owner=NODE)
    made.apply("keystone.identity")
    return made


@pytest.fixture(scope="module")
def served(site):
    site.apply("horizon")
    api(site, "GET", "/healthcheck", until=200, port=PORT)
    return site


class Token(html.parser.HTMLParser):
    """What a form has to bring back."""

    def __init__(self, text):
        super().__init__()
        self.value = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        if tag == "input" and found.get("name") == "csrfmiddlewaretoken":
            self.value = found["value"]


class Browser:
    """One person's, as far as it needs no scripts."""

    def __init__(self, site):
        self.fqdn = site.cluster["vip"]["fqdn"]
        self.url = f"https://{self.fqdn}"
        self.password = site.cluster["secrets"]["keystone"]["admin"]
        self.session = requests.Session()
        self.session.verify = BUNDLE

    def get(self, path, **more):
        return self._ask("GET", path, **more)

    def _ask(self, method, path, **more):
        """Ask for a page, by a server that is there."""

        def answer():
            found = self.session.request(method, self.url + path, timeout=60, **more)
            return None if found.status_code == 503 and AWAY in found.text else found

        # One that is no success is false.
        return await_until(lambda: [one for one in [answer()] if one is not None], 120, path)[0]

    def log_in(self, password=None):
        form = self.get(LOGIN)
        assert form.status_code == 200, form.text
        data = {
            "csrfmiddlewaretoken": Token(form.text).value,
            "username": "admin",
            "password": password or self.password,
            "region": "default",
        }
        headers = {"Referer": self.url + LOGIN}
        return self._ask("POST", LOGIN, data=data, headers=headers, allow_redirects=False)

    def is_known(self):
        """Whether a page that nobody sees who has not logged in is shown."""
        found = self.get("/identity/", allow_redirects=True)
        return found.status_code == 200 and "Projects" in found.text and LOGIN not in found.url


@pytest.fixture
def browser(served):
    return Browser(served)


@pytest.fixture
def person(browser):
    """Somebody who has logged in."""
    done = browser.log_in()
    assert done.status_code == 302, done.text
    return browser


def test_a_second_run_changes_nothing(served):
    for test in (True, False):
        for name in ("horizon", "haproxy"):
            for single in served.sls(f"openstack_ha.{name}", test=test):
                assert (single.result, single.changes) == (True, {}), single


def test_the_login_page_is_the_sites_own_and_whole(browser):
    page = browser.get(LOGIN)
    assert page.status_code == 200
    assert "Trial Cloud" in page.text
    files = re.findall(r'"(/static/[^"]+\.(?:css|js))"', page.text)
    assert files
    for name in files:
        found = browser.get(name)
        kind = "text/css" if name.endswith(".css") else "javascript"
        assert found.status_code == 200 and kind in found.headers["Content-Type"], name
        assert len(found.content) > 1000
    joined = [name for name in files if "/dashboard/" in name]
    assert "Expires" in browser.get(joined[0]).headers


def test_browsers_are_told_to_protect_who_sees_a_page(browser):
    page = browser.get(LOGIN)
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "Server" not in page.headers and "X-Powered-By" not in page.headers


def test_cookies_are_for_tls_and_this_site(browser):
    done = browser.log_in()
    assert done.status_code == 302
    told = {
        line.partition("=")[0]: line.lower()
        for answer in (browser.get("/identity/"), done)
        for line in answer.raw.headers.getlist("Set-Cookie")
    }
    assert "httponly" in told[SESSION]
    for line in (told[SESSION], told["csrftoken"]):
        assert "secure" in line and "samesite=lax" in line, line
    sticky = Browser.get(browser, LOGIN, cookies={STICKY: ""})
    line = sticky.headers["Set-Cookie"].lower()
    assert STICKY in browser.session.cookies
    assert "secure" in line


def test_http_leads_to_https(browser):
    for path in ("/", "/auth/login/?next=/project/"):
        found = requests.get(f"http://{browser.fqdn}{path}", timeout=60, allow_redirects=False)
        assert (found.status_code, found.headers["Location"]) == (301, browser.url + path)
        assert "Strict-Transport-Security" not in found.headers
        assert "Set-Cookie" not in found.headers


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/nothing/of/this/name/", {}, 404),
        ("/auth/login/", {"Host": "elsewhere.example.com"}, 400),
        ("/api/keystone/users/", {}, 401),
        ("/static/../../etc/passwd", {}, 404),
        ("/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd", {}, 404),
        ("/500/", {}, 404),
    ],
)
def test_nobody_sees_what_goes_on_inside(browser, path, headers, status):
    request = requests.Request("GET", browser.url + path, headers=headers).prepare()
    request.url = browser.url + path
    found = browser.session.send(request, timeout=60, allow_redirects=False, verify=BUNDLE)
    assert found.status_code == status, found.text
    assert not INSIDE.search(found.text), found.text
    assert not any(INSIDE.search(value) for value in found.headers.values())


def test_a_session_fits_into_a_cookie_with_room_for_more_services(person, tmp_path):
    """Nova's, Glance's and Swift's are three of the ten that this leaves room for."""
    assert person.is_known()
    value = person.session.cookies[SESSION]
    assert len(SESSION) + 1 + len(value) < LARGEST_COOKIE / 2, len(value)


@contextlib.contextmanager
def stopped(unit):
    subprocess.run(["systemctl", "stop", unit], check=True)
    try:
        yield
    finally:
        subprocess.run(["systemctl", "start", unit], check=True)


def test_who_has_logged_in_stays_so_without_caches_and_with_a_new_process(served, person):
    subprocess.run(["systemctl", "restart", "horizon"], check=True)
    api(served, "GET", "/healthcheck", until=200, port=PORT)
    with stopped("memcached"):
        assert person.is_known()


def test_who_logs_out_is_out(person):
    assert person.is_known()
    person.get("/auth/logout/")
    assert not person.session.cookies.get(SESSION)
    assert not person.is_known()


def test_a_changed_option_is_taken_by_a_new_process_and_logs_nobody_out(served, person):
    main, made = main_pid(), MANIFEST.stat().st_mtime_ns
    served.cluster["horizon"]["title"] = "Another Cloud"
    served.write()
    result = served.sls("openstack_ha.horizon")
    assert not_applied(result) == []
    changed = {one.id: one.changes for one in result if one.changes}
    assert set(changed) == {"openstack_ha_horizon_settings", "openstack_ha_horizon_renewed"}
    assert "Another Cloud" in changed["openstack_ha_horizon_settings"]["diff"]
    assert served.cluster["secrets"]["horizon"]["secret_key"] not in str(changed)
    assert main_pid() != main
    api(served, "GET", "/healthcheck", until=200, port=PORT)
    page = person.get("/identity/")
    assert page.status_code == 200 and "Another Cloud" in page.text, page.text
    assert person.is_known()
    # They are of the version, and not of its title.
    assert MANIFEST.stat().st_mtime_ns == made


def main_pid():
    argv = ["systemctl", "show", "--property=MainPID", "--value", "horizon"]
    return int(subprocess.check_output(argv))


def test_a_new_process_has_nothing_to_complain_of(served):
    begin = int(time.time())
    subprocess.run(["systemctl", "restart", "horizon"], check=True)
    api(served, "GET", "/healthcheck", until=200, port=PORT)
    # What the old one says when it is stopped, maybe in the middle of its own start, is its affair.
    old, began, said = log_of("horizon", begin).rpartition("Starting horizon.service")
    assert "Segmentation Fault" not in old, old
    assert began and "ready in" in said and "Error" not in said, said


def test_a_server_that_is_drained_gets_no_work(served):
    MAINTENANCE.parent.mkdir(exist_ok=True)
    MAINTENANCE.touch()
    try:
        api(served, "GET", LOGIN, until=503, port=PORT)
    finally:
        MAINTENANCE.unlink()
    api(served, "GET", LOGIN, until=200, port=PORT)


def asked_itself(served):
    """The health check, past HAProxy."""
    node = served.cluster["nodes"][NODE]["address"]
    found = requests.get(f"http://{node}:8010/healthcheck", timeout=60)
    return found.status_code, found.text


def test_the_check_is_of_what_a_page_has_and_not_of_a_port(served):
    assert asked_itself(served) == (200, "the login page is whole\n")
    page = requests.get(
        f"https://{served.cluster['vip']['fqdn']}{LOGIN}", timeout=60, verify=BUNDLE
    ).text
    sheet = STATIC / re.search(r'"/static/(dashboard/css/[^"]+\.css)"', page)[1]
    aside = sheet.with_suffix(".aside")
    sheet.rename(aside)
    try:
        status, text = asked_itself(served)
    finally:
        aside.rename(sheet)
    assert status == 503 and sheet.name in text


def test_what_dpkg_makes_anew_is_not_what_is_served(served, person):
    """Its trigger begins with an empty folder, and removes a key."""
    made = {path: path.stat().st_mtime_ns for path in STATIC.rglob("*") if path.is_file()}
    name = "openstack-dashboard-rebuild-static"
    subprocess.run(["dpkg-trigger", "--by-package=dpkg", name], check=True)
    done = subprocess.run(
        ["dpkg", "--configure", "--pending"],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout[-2000:], done.stderr[-2000:])
    assert {path: path.stat().st_mtime_ns for path in STATIC.rglob("*") if path.is_file()} == made
    subprocess.run(["systemctl", "restart", "horizon"], check=True)
    api(served, "GET", "/healthcheck", until=200, port=PORT)
    assert person.is_known()
    assert served.sls("openstack_ha.horizon", test=True)
    for single in served.sls("openstack_ha.horizon", test=True):
        assert (single.result, single.changes) == (True, {}), single


def test_a_setting_that_horizon_cannot_take_is_named_and_leaves_what_is_served(served, browser):
    before = dict(served.cluster["horizon"])
    served.cluster["horizon"] = {**before, "options": {"INSTALLED_APPS": ["no.such.thing"]}}
    served.write()
    result = served.sls("openstack_ha.horizon")
    (failed,) = [one for one in not_applied(result) if one.id == "openstack_ha_horizon_static"]
    assert (
        "no such" in failed.comment.lower()
        or "no.such" in failed.comment.lower()
        or ("No module named" in failed.comment)
    )
    assert browser.get(LOGIN).status_code == 200
    served.cluster["horizon"] = before
    served.write()
    served.apply("horizon")
    api(served, "GET", "/healthcheck", until=200, port=PORT)


def test_static_files_are_made_once_in_both_modes(served, tmp_path):
    where = {
        "name": str(tmp_path / "static"),
        "made_of": str(tmp_path / "static.made-of"),
        "program": "/usr/share/openstack-dashboard/manage.py",
        "sources": ["/var/lib/dpkg/info/openstack-dashboard.md5sums"],
    }

    def applied(test):
        return served.states.openstack_ha_horizon.static(**where, test=test)

    would = applied(True)
    assert would.result is None and would.changes
    assert not (tmp_path / "static").exists()
    made = applied(False)
    assert (made.result, made.changes) == (True, would.changes), made.comment
    for test in (True, False):
        again = applied(test)
        assert (again.result, again.changes) == (True, {})
    # As on every other controller of this version.
    names = sorted(path.relative_to(STATIC) for path in STATIC.rglob("*") if path.is_file())
    for name in names:
        assert (tmp_path / "static" / name).read_bytes() == (STATIC / name).read_bytes(), name


def test_no_secret_is_in_what_states_return(served):
    secret = served.cluster["secrets"]["horizon"]["secret_key"]
    returned = [served.loaders.modules.openstack_ha_horizon.statements()]
    returned += [one.full_return for one in served.sls("openstack_ha.horizon")]
    assert secret not in repr(returned)
    settings = pathlib.Path("/etc/openstack-dashboard/local_settings.d/_9000_openstack_ha.py")
    assert secret in settings.read_text(encoding="utf-8")
    assert settings.stat().st_mode & 0o007 == 0


def log_of(unit, since):
    argv = ["journalctl", f"--unit={unit}", f"--since=@{since}", "--output=cat"]
    return subprocess.check_output(argv, text=True)


def test_whose_passwords_are_wrong_has_to_wait_and_is_told_so(browser):
    """The last one: this address waits for a minute then."""
    begin = int(time.time())
    answers = [browser.log_in("wrong") for _ in range(10)]
    statuses = [one.status_code for one in answers]
    assert statuses == [200] * FAILURES + [429] * (10 - FAILURES)
    assert "Invalid credentials" in answers[0].text
    last = answers[-1]
    assert "Too many failed logins" in last.text and "try again" in last.text
    assert last.headers["Retry-After"] == "60"
    assert "text/html" in last.headers["Content-Type"]
    assert last.headers["Strict-Transport-Security"]
    # Nor with the right one, and however the address is written.
    assert browser.log_in().status_code == 429
    odd = browser.session.post(f"{browser.url}/auth/%6Cogin/", {}, timeout=60)
    assert odd.status_code == 429
    # Pages are shown all the same.
    assert browser.get(LOGIN).status_code == 200
    await_until(lambda: log_of("haproxy", begin).count(" 429 ") >= 6, 60, "HAProxy's lines of it")
    await_until(
        lambda: log_of("horizon", begin).count("Login failed") == FAILURES,
        60,
        "Horizon's lines of it",
        lambda: log_of("horizon", begin),
    )
