"""HAProxy by the formula's own states, on this machine."""

import concurrent.futures
import contextlib
import copy
import http.server
import pathlib
import socket
import ssl
import threading
import typing
import urllib.error
import urllib.request

import pytest
from support import await_until, certified, not_applied

INTERFACE = "eth0"
SLS = "openstack_ha.haproxy"
STATISTICS, KEYSTONE = 8404, 5000


def apply(modules, pillar):
    """The states, and what the master says when it is HAProxy's turn; the results of the files."""
    result = modules.state.sls(f"{SLS}.config", pillar=pillar)
    if modules.openstack_ha_turn.is_outdated("haproxy"):
        modules.openstack_ha_turn.renew("haproxy")
    assert not_applied(modules.state.sls(SLS, pillar=pillar)) == []
    return result


@pytest.fixture
def applied(modules, pillar):
    """HAProxy as the formula leaves it."""
    apply(modules, pillar)
    yield pillar["openstack_ha"]
    modules.service.stop("haproxy")


def failed_or_changed(result):
    return {single.id for single in result if single.changes or single.result is not True}


def url(cluster, path, port=STATISTICS):
    return f"https://{cluster['vip']['address']}:{port}{path}"


def believing(cluster):
    """A context that believes the cluster's own authority and nobody else."""
    return ssl.create_default_context(cadata=cluster["tls"]["ca"])


def status_of(cluster, path, port=STATISTICS, body=None):
    try:
        with urllib.request.urlopen(
            url(cluster, path, port), body, timeout=120, context=believing(cluster)
        ) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def authorised(cluster, path):
    passwords = urllib.request.HTTPPasswordMgrWithPriorAuth()
    passwords.add_password(
        None, url(cluster, "/"), "admin", cluster["secrets"]["haproxy"]["stats"], True
    )
    opener = urllib.request.build_opener(
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPSHandler(context=believing(cluster)),
    )
    with opener.open(url(cluster, path), timeout=60) as answer:
        return answer.read().decode()


@pytest.fixture
def vip(modules, pillar):
    """The VIP on this machine, as keepalived would put it there."""
    address = f"{pillar['openstack_ha']['vip']['address']}/32"
    modules.cmd.run_all(["ip", "address", "replace", address, "dev", INTERFACE], python_shell=False)
    yield
    modules.cmd.run_all(["ip", "address", "del", address, "dev", INTERFACE], python_shell=False)


def test_mode_names_what_would_be_done_and_does_nothing(modules, pillar):
    config = pathlib.Path("/etc/haproxy/openstack_ha.cfg")
    config.unlink(missing_ok=True)
    modules.service.stop("haproxy")
    result = modules.state.sls(SLS, pillar=pillar, test=True)
    would = {single.id for single in result if single.result is None}
    assert {"openstack_ha_haproxy_config", "openstack_ha_haproxy_service"} <= would
    assert not config.exists()


def test_second_run_changes_nothing(modules, applied, pillar):
    assert failed_or_changed(modules.state.sls(SLS, pillar=pillar)) == set()


def test_a_change_is_told_by_line_and_without_the_password(modules, applied, pillar):
    applied["haproxy"] = {"maxconn": 4321}
    password = applied["secrets"]["haproxy"]["stats"]
    for is_test in (True, False):
        result = modules.state.sls(f"{SLS}.config", pillar=pillar, test=is_test)
        (told,) = [one.changes["diff"] for one in result if "diff" in one.changes]
        assert "+    maxconn 4321" in told and password not in str(result.raw), told
    applied["secrets"]["haproxy"]["stats"] = "another-one-of-twenty-characters"
    for is_test in (True, False):
        result = modules.state.sls(f"{SLS}.config", pillar=pillar, test=is_test)
        (told,) = [one.changes["diff"] for one in result if "diff" in one.changes]
        assert told == "only lines differ that are not shown, as they have secrets"


def test_a_template_that_cannot_be_rendered_leaves_the_old_file(states, applied):
    config = pathlib.Path("/etc/haproxy/openstack_ha.cfg")
    before = config.read_text(encoding="utf-8")
    source = "salt://openstack_ha/haproxy/files/haproxy.cfg.jinja"
    result = states.openstack_ha_template.written(
        name=str(config), source=source, context={}, test=True
    )
    assert result.result is False and result.comment
    assert config.read_text(encoding="utf-8") == before


def test_the_socket_tells_of_every_front_end_before_the_vip_is_here(modules, applied):
    rows = modules.openstack_ha_haproxy.status()
    frontends = {row["proxy"]: row["status"] for row in rows if row["kind"] == "frontend"}
    assert frontends == dict.fromkeys(
        ("stats", "mysql", "rabbitmq", "keystone", "placement"), "OPEN"
    )
    backups = [row["name"] for row in rows if row["proxy"] == "mysql" and row["backup"]]
    assert backups == ["ctl2", "ctl3"]
    assert modules.openstack_ha_haproxy.info()["Stopping"] == 0


def test_the_certificate_ends_when_its_file_says_so(modules, applied):
    (file,) = ends = modules.openstack_ha_haproxy.certificate_ends()
    told = modules.cmd.run(["openssl", "x509", "-in", file, "-noout", "-enddate"])
    assert ends == {file: ssl.cert_time_to_seconds(told.removeprefix("notAfter="))}


def test_the_page_and_the_metrics_want_the_password(applied, vip):
    assert status_of(applied, "/health") == 200
    assert status_of(applied, "/") == 401
    assert status_of(applied, "/metrics") == 401
    assert "rabbitmq" in authorised(applied, "/")
    assert "haproxy_server_status" in authorised(applied, "/metrics")


def test_the_password_is_in_the_configuration_only(modules, pillar):
    config = pathlib.Path("/etc/haproxy/openstack_ha.cfg")
    config.unlink(missing_ok=True)
    result = apply(modules, pillar)
    password = pillar["openstack_ha"]["secrets"]["haproxy"]["stats"]
    assert password in config.read_text(encoding="utf-8")
    assert config.stat().st_mode & 0o077 == 0
    assert password not in str(result.raw)


def wait_for_another_worker(modules, pid):
    """systemctl comes back before the old worker has given its sockets away."""
    await_until(lambda: modules.openstack_ha_haproxy.info()["Pid"] != pid, 60, "another worker")


@contextlib.contextmanager
def asking(cluster):
    """Ask all the time; the list that is given gets what fails."""
    failures, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                if status_of(cluster, "/health") != 200:
                    failures.append("status")
            except OSError as error:
                failures.append(str(error))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield failures
    finally:
        stop.set()
        thread.join()


def test_a_changed_option_is_reloaded_and_no_request_fails(modules, applied, vip, pillar):
    pid = modules.openstack_ha_haproxy.info()["Pid"]
    with asking(copy.deepcopy(applied)) as failures:
        applied["haproxy"] = {"maxconn": 1234}
        result = apply(modules, pillar)
        wait_for_another_worker(modules, pid)
    assert failed_or_changed(result) == {"openstack_ha_haproxy_config"}
    assert modules.openstack_ha_haproxy.info()["Maxconn"] == 1234
    assert failures == []


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers with the next of ``failures``, and with 200 when there is none."""

    failures: typing.ClassVar = []

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.failures.pop() if self.failures else 200)
        self.end_headers()

    do_POST = do_GET


@pytest.fixture
def keystone(applied):
    """Something on this machine that answers on Keystone's port, behind the VIP's."""
    address = applied["nodes"]["ctl1"]["address"]
    with http.server.ThreadingHTTPServer((address, KEYSTONE), Answering) as server:
        threading.Thread(target=server.serve_forever).start()
        yield
        server.shutdown()


def order(command):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.connect("/run/haproxy/admin.sock")
        peer.sendall(f"{command}\n".encode())
        return peer.recv(4096).decode().strip()


def of_servers(modules, proxy, column):
    rows = modules.openstack_ha_haproxy.status()
    return {
        row["name"]: row[column]
        for row in rows
        if row["proxy"] == proxy and row["kind"] == "server"
    }


@pytest.fixture
def unanswered(modules, applied):
    """The absent servers' addresses, as those of hosts that have just died: nobody says no."""
    entries = [[applied["nodes"][name]["address"], "dev", INTERFACE] for name in ("ctl2", "ctl3")]
    for entry in entries:
        replace = ["ip", "neighbour", "replace", *entry, "lladdr", "02:00:00:00:00:01"]
        assert modules.cmd.retcode([*replace, "nud", "permanent"], python_shell=False) == 0
    yield
    for entry in entries:
        modules.cmd.run_all(["ip", "neighbour", "del", *entry], python_shell=False)


@pytest.mark.usefixtures("vip", "keystone")
@pytest.mark.parametrize(
    ("path", "body", "status"),
    [("/v3/users", None, 200), ("/v3/auth/tokens", b"{}", 200), ("/v3/users", b"{}", 500)],
)
def test_what_only_reads_is_asked_again_where_the_server_has_failed(applied, path, body, status):
    await_until(lambda: status_of(applied, "/", KEYSTONE) == 200, 60, "a server to answer")
    Answering.failures = [500]
    assert status_of(applied, path, KEYSTONE, body) == status


@pytest.mark.usefixtures("vip", "keystone", "unanswered")
def test_no_request_is_lost_that_connects_to_a_server_as_that_goes_down(modules, applied, pillar):
    """Long connects, and both absent servers said to be up, as they are when they die."""
    pid = modules.openstack_ha_haproxy.info()["Pid"]
    applied["haproxy"] = {"timeouts": {"connect": 60000}}
    apply(modules, pillar)
    wait_for_another_worker(modules, pid)
    await_until(
        lambda: of_servers(modules, "keystone", "status")["ctl1"] == "UP", 60, "a server to answer"
    )
    absent = ("ctl2", "ctl3")
    for name in absent:
        assert order(f"disable health keystone/{name}") == ""
        assert order(f"set server keystone/{name} health up") == ""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(status_of, applied, "/", KEYSTONE) for _ in range(3)]
        await_until(
            lambda: all(of_servers(modules, "keystone", "sessions")[name] for name in absent),
            60,
            "a session with each absent server",
        )
        for name in absent:
            assert order(f"set server keystone/{name} health down") == ""
        assert [one.result() for one in asked] == [200, 200, 200]


def served_certificate(cluster):
    return ssl.get_server_certificate((cluster["vip"]["address"], 8404))


def test_a_new_certificate_is_reloaded_and_no_request_fails(modules, applied, vip, pillar):
    before, pid = served_certificate(applied), modules.openstack_ha_haproxy.info()["Pid"]
    master = modules.service.show("haproxy")["MainPID"]
    old = copy.deepcopy(applied)
    certified(applied)
    both = {**old, "tls": {"ca": old["tls"]["ca"] + applied["tls"]["ca"]}}
    with asking(both) as failures:
        result = apply(modules, pillar)
        wait_for_another_worker(modules, pid)
    assert failed_or_changed(result) == {"openstack_ha_haproxy_certificate"}
    assert served_certificate(applied) != before
    assert failures == []
    assert modules.service.show("haproxy")["MainPID"] == master
    path = pathlib.Path("/etc/haproxy/openstack_ha.pem")
    assert path.stat().st_mode & 0o777 == 0o600
    assert applied["secrets"]["tls"]["key"].splitlines()[1] not in str(result.raw)


def test_a_key_of_another_certificate_never_replaces_the_old_one(modules, applied, vip, pillar):
    path = pathlib.Path("/etc/haproxy/openstack_ha.pem")
    before = path.read_text(encoding="utf-8")
    applied["secrets"]["tls"] = certified(copy.deepcopy(applied))["secrets"]["tls"]
    result = modules.state.sls(SLS, pillar=pillar)
    assert "openstack_ha_haproxy_certificate" in {one.id for one in not_applied(result)}
    assert "openstack_ha:secrets:tls:key is not the key of" in str(result.raw)
    assert path.read_text(encoding="utf-8") == before
    assert status_of({**applied}, "/health") == 200


def test_clients_of_old_protocols_are_refused(applied, vip):
    context = believing(applied)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):
        urllib.request.urlopen(url(applied, "/health"), timeout=5, context=context)


def test_a_configuration_that_haproxy_refuses_never_replaces_the_old(modules, applied, pillar):
    config = pathlib.Path("/etc/haproxy/openstack_ha.cfg")
    before = config.read_text(encoding="utf-8")
    (chunk,) = (
        chunk
        for chunk in modules.state.show_low_sls(f"{SLS}.config", pillar=pillar)
        if chunk["__id__"] == "openstack_ha_haproxy_config"
    )
    broken = {"name": "broken", "options": ["blance first"], "servers": []}
    chunk["context"]["listeners"] = [broken]
    result = modules.state.low(chunk)
    assert result.raw["result"] is False
    assert "blance" in result.raw["comment"]
    assert config.read_text(encoding="utf-8") == before
