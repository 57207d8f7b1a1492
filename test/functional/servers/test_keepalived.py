"""keepalived by the formula's own states: the VIP follows HAProxy."""

import pathlib
import signal
import time

import pytest
from salt.exceptions import CommandExecutionError
from support import not_applied

INTERFACE = "eth0"
SLS = ["openstack_ha.haproxy", "openstack_ha.keepalived"]
CONFIG = pathlib.Path("/etc/keepalived/keepalived.conf")


@pytest.fixture(scope="module", autouse=True)
def nothing_left(modules, cluster):
    """Others that start HAProxy on this host hold the VIP by themselves."""
    vip = f"{cluster['vip']['address']}/32"
    modules.cmd.run_all(["ip", "address", "del", vip, "dev", INTERFACE], python_shell=False)
    yield
    modules.service.stop("keepalived")
    CONFIG.unlink(missing_ok=True)


@pytest.fixture
def peers(pillar):
    """The other controllers' addresses, which are down."""
    nodes = pillar["openstack_ha"]["nodes"]
    return sorted(nodes[node]["address"] for node in ("ctl2", "ctl3"))


@pytest.fixture
def holder(modules, pillar):
    """This machine with the VIP; return a function that waits until it has or lacks it."""
    assert modules.openstack_ha_keepalived.confirm() == {"is_confirmed": True}
    pillar["openstack_ha"]["keepalived"] = {"startup_delay": 0}
    result = modules.state.sls(SLS, pillar=pillar)
    assert not_applied(result) == []
    address = pillar["openstack_ha"]["vip"]["address"]

    def waits_for(present, seconds=120):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (address in modules.network.ip_addrs(INTERFACE)) is present:
                return True
            time.sleep(0.05)
        return False

    assert waits_for(True)
    yield waits_for
    modules.service.stop("haproxy")
    modules.service.stop("keepalived")


def haproxy_pids(modules):
    return [int(pid) for pid in modules.cmd.run_stdout(["pidof", "haproxy"]).split()]


def send(modules, number):
    for pid in haproxy_pids(modules):
        modules.ps.kill_pid(pid, signal=number)


def test_mode_names_what_would_be_done_and_does_nothing(modules, pillar):
    CONFIG.unlink(missing_ok=True)
    modules.service.stop("keepalived")
    result = modules.state.sls(SLS, pillar=pillar, test=True)
    would = {single.id for single in result if single.result is None}
    assert {"openstack_ha_keepalived_config", "openstack_ha_keepalived_service"} <= would
    assert not CONFIG.exists()


def test_one_that_others_may_not_know_is_not_started(modules, states, pillar):
    modules.openstack_ha_keepalived.withdraw()
    result = states.openstack_ha_keepalived.known(name="demo", test=True)
    assert result.result is None
    assert result.changes == {"keepalived": {"old": "may not start", "new": "may start"}}
    found = {single.id: single for single in modules.state.sls(SLS, pillar=pillar)}
    refused = found["openstack_ha_keepalived_known"]
    assert refused.result is False and refused.comment.startswith("ctl2, ctl3 has keepalived too")
    assert not modules.service.status("keepalived")


def test_haproxy_does_not_bring_one_that_others_may_not_know(modules, holder):
    """It wants keepalived, which is what a controller that comes back has from before."""
    modules.openstack_ha_leaving.stop(["keepalived", "haproxy"])
    modules.service.start("haproxy")
    assert modules.service.status("haproxy") and not modules.service.status("keepalived")
    modules.openstack_ha_keepalived.confirm()
    modules.service.restart("haproxy")
    modules.service.start("keepalived")
    assert holder(True)


def test_it_waits_for_the_masters_word(modules, loaders, of_a_master):
    modules.openstack_ha_keepalived.withdraw()
    states = of_a_master(loaders)
    result = states["openstack_ha_keepalived.known"](name="demo", patience=1)
    assert result["result"] is False and "the master gave no word" in result["comment"]


def test_a_sole_controller_is_let_start_by_the_rule_itself(modules, states, pillar):
    modules.openstack_ha_keepalived.withdraw()
    CONFIG.write_text("vrrp_instance vip {\n}\n", encoding="utf-8")
    result = states.openstack_ha_keepalived.known(name="demo")
    assert result.result is True and result.changes
    said = {"is_ready": True, "is_running": False, "knows": [], "is_confirmed": True}
    assert modules.openstack_ha_keepalived.evidence() == said
    assert not states.openstack_ha_keepalived.known(name="demo").changes


def test_it_says_whom_it_knows_and_not_whom_it_will_know(modules, holder, peers):
    said = {"is_ready": True, "is_running": True, "knows": peers, "is_confirmed": True}
    assert modules.openstack_ha_keepalived.evidence() == said
    text = CONFIG.read_text(encoding="utf-8")
    CONFIG.write_text(text.replace(peers[0], ""), encoding="utf-8")
    assert modules.openstack_ha_keepalived.evidence() == {**said, "knows": None}
    assert modules.openstack_ha_keepalived.lacking() is None
    modules.openstack_ha_turn.renew("keepalived")
    assert modules.openstack_ha_keepalived.evidence() == {**said, "knows": peers[1:]}
    # HAProxy brings keepalived before its configuration is looked at, so a wrong one does not stay.
    CONFIG.write_text(text, encoding="utf-8")
    modules.openstack_ha_turn.renew("keepalived")
    assert holder(True)


def test_second_run_changes_nothing(modules, holder, pillar):
    result = modules.state.sls(SLS, pillar=pillar)
    found = {one.id: one.changes for one in result if one.changes or one.result is not True}
    assert found == {}


def test_the_vip_leaves_with_haproxy_and_comes_back_with_it(modules, holder):
    modules.service.stop("haproxy")
    assert holder(False)
    modules.service.start("haproxy")
    assert holder(True)


def test_the_vip_leaves_a_haproxy_that_hangs(modules, holder):
    send(modules, signal.SIGSTOP)
    try:
        assert holder(False)
    finally:
        send(modules, signal.SIGCONT)
    assert holder(True)


def test_a_reload_of_haproxy_is_no_failure(modules, holder):
    for _ in range(5):
        modules.service.reload("haproxy")
        assert not holder(False, seconds=1)


def test_the_check_runs_as_a_user_without_rights(modules, holder):
    user = modules.user.info("keepalived_script")
    assert user["groups"] == ["haproxy_check"]
    assert user["shell"] == "/usr/sbin/nologin"
    check = "/usr/libexec/openstack_ha/check-haproxy"
    assert modules.cmd.retcode([check], runas="keepalived_script", python_shell=False) == 0


def test_a_configuration_that_keepalived_refuses_never_replaces_the_old(modules, holder, pillar):
    before = CONFIG.read_text(encoding="utf-8")
    pillar["openstack_ha"]["vip"]["interface"] = "absent9"
    result = modules.state.sls(SLS, pillar=pillar)
    outcome = {single.id: single.result for single in result}
    assert outcome["openstack_ha_keepalived_config"] is False
    assert CONFIG.read_text(encoding="utf-8") == before
    assert holder(True)


def test_one_that_leaves_gives_the_vip_away_and_no_boot_takes_it_back(modules, holder, pillar):
    units = ["keepalived.service", "haproxy.service"]
    deployed = pathlib.Path(modules.openstack_ha_rejoin.marks()["deployed"])
    deployed.parent.mkdir(parents=True, exist_ok=True)
    deployed.touch()
    stop = modules.openstack_ha_leaving.stop
    assert stop(["keepalived", "haproxy"]) == {"stopped": units}
    assert holder(False)
    assert not any(map(modules.service.enabled, units)) and not deployed.exists()
    assert stop(["keepalived", "haproxy"]) == {"stopped": []}
    assert modules.openstack_ha_keepalived.evidence()["is_confirmed"] is False
    assert modules.openstack_ha_units.of(["keepalived"]) == {"keepalived": {units[0]: "inactive"}}
    with pytest.raises(CommandExecutionError, match="squid is no part of a system"):
        stop(["keepalived", "squid"])
    modules.openstack_ha_keepalived.confirm()
    assert not_applied(modules.state.sls(SLS, pillar=pillar)) == []
    assert holder(True) and all(map(modules.service.enabled, units))


def test_a_host_that_is_up_answers_a_knock_whatever_its_services_do(modules, cluster):
    (node,) = cluster["nodes"]
    assert modules.openstack_ha_leaving.is_reached(node) == {"is_reached": True}
