"""HAProxy by the formula's own states, on this machine."""

import pathlib
import threading
import time
import urllib.error
import urllib.request

import pytest
from support import not_applied

INTERFACE = "eth0"
SLS = "openstack_ha.haproxy"


@pytest.fixture
def applied(modules, pillar):
    """HAProxy as the formula leaves it."""
    result = modules.state.sls(SLS, pillar=pillar)
    assert not_applied(result) == []
    yield pillar["openstack_ha"]
    modules.service.stop("haproxy")


def failed_or_changed(result):
    return {single.id for single in result if single.changes or single.result is not True}


def url(cluster, path, port=8404):
    return f"http://{cluster['vip']['address']}:{port}{path}"


def status_of(request):
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def authorised(cluster, path):
    opener = urllib.request.HTTPPasswordMgrWithPriorAuth()
    opener.add_password(
        None, url(cluster, "/"), "admin", cluster["secrets"]["haproxy"]["stats"], True
    )
    handler = urllib.request.HTTPBasicAuthHandler(opener)
    with urllib.request.build_opener(handler).open(url(cluster, path), timeout=5) as answer:
        return answer.read().decode()


@pytest.fixture
def vip(modules, pillar):
    """The VIP on this machine, as keepalived would put it there."""
    address = f"{pillar['openstack_ha']['vip']['address']}/32"
    modules.cmd.run_all(["ip", "address", "add", address, "dev", INTERFACE], python_shell=False)
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


def test_the_socket_tells_of_every_front_end_before_the_vip_is_here(modules, applied):
    rows = modules.openstack_ha_haproxy.status()
    frontends = {row["proxy"]: row["status"] for row in rows if row["kind"] == "frontend"}
    assert frontends == {"stats": "OPEN", "mysql": "OPEN", "rabbitmq": "OPEN"}
    backups = [row["name"] for row in rows if row["proxy"] == "mysql" and row["backup"]]
    assert backups == ["ctl2", "ctl3"]
    assert modules.openstack_ha_haproxy.info()["Stopping"] == 0


def test_the_page_and_the_metrics_want_the_password(applied, vip):
    assert status_of(url(applied, "/health")) == 200
    assert status_of(url(applied, "/")) == 401
    assert status_of(url(applied, "/metrics")) == 401
    assert "rabbitmq" in authorised(applied, "/")
    assert "haproxy_server_status" in authorised(applied, "/metrics")


def test_the_password_is_in_the_configuration_only(modules, pillar):
    config = pathlib.Path("/etc/haproxy/openstack_ha.cfg")
    config.unlink(missing_ok=True)
    result = modules.state.sls(SLS, pillar=pillar)
    password = pillar["openstack_ha"]["secrets"]["haproxy"]["stats"]
    assert password in config.read_text(encoding="utf-8")
    assert config.stat().st_mode & 0o077 == 0
    assert password not in str(result.raw)


def test_a_changed_option_is_reloaded_and_no_request_fails(modules, applied, vip, pillar):
    pid = modules.openstack_ha_haproxy.info()["Pid"]
    failures, stop = [], threading.Event()

    def ask():
        while not stop.is_set():
            try:
                if status_of(url(applied, "/health")) != 200:
                    failures.append("status")
            except OSError as error:
                failures.append(str(error))

    asking = threading.Thread(target=ask)
    asking.start()
    applied["haproxy"] = {"maxconn": 1234}
    result = modules.state.sls(SLS, pillar=pillar)
    deadline = time.monotonic() + 10
    while modules.openstack_ha_haproxy.info()["Pid"] == pid and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    asking.join()
    assert failed_or_changed(result) == {
        "openstack_ha_haproxy_config",
        "openstack_ha_haproxy_service",
    }
    assert modules.openstack_ha_haproxy.info()["Maxconn"] == 1234
    assert failures == []


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
