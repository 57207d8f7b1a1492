"""
What other tools lost data by, or never came back from: each as a case with the thread it is from.
"""

import openstack_ha_galera as galera
import openstack_ha_galera_election as election
import pytest
from test_galera_election import MEMBERS, OTHER, UUID, ZERO, evidence, running, stopped

LATE = election.PATIENCE
VIEW = [f"{number:08x}-0000-11ee-9999-0123456789ab" for number in range(1, 4)]


def decide(*found, floor=None, **more):
    more = {"has_restarted": True, "without_primary": election.REUNION, **more}
    return election.decide("demo", MEMBERS, dict(zip(MEMBERS, found, strict=True)), floor, **more)


def word(decision):
    return decision["verdict"], decision["nodes"]


def gvwstate(members):
    lines = "".join(f"member: {one} 0\n" for one in members)
    return (
        f"my_uuid: {members[0]}\n#vwbeg\nview_id: 3 {members[0]} 4\nbootstrap: 0\n{lines}#vwend\n"
    )


def log(position):
    return f"2026-01-01  1:00:00 0 [Note] WSREP: Recovered position: {position}\n"


CHOICES = {
    "https://bugs.launchpad.net/bugs/1682153 stopped cleanly before the others crashed": (
        [stopped(5, safe_to_bootstrap=True), stopped(9), stopped(8)],
        ("bootstrap", ["ctl2"]),
    ),
    "https://bugs.launchpad.net/bugs/1682153 seqno -1 is not guessed": (
        [stopped(5), stopped(-1), stopped(-1)],
        ("refuse", []),
    ),
    "https://github.com/mariadb-operator/mariadb-operator/issues/1108 a failed transfer": (
        [stopped(10**6, is_receiving=True, safe_to_bootstrap=True), stopped(9), stopped(9)],
        ("bootstrap", ["ctl2"]),
    ),
    "https://github.com/mariadb-operator/mariadb-operator/issues/1108 only failed transfers": (
        [evidence(is_receiving=True), evidence(), stopped(0, ZERO, is_receiving=True)],
        ("refuse", []),
    ),
    "https://github.com/mariadb-operator/mariadb-operator/issues/1701 an empty node": (
        [evidence(safe_to_bootstrap=True), stopped(9), evidence()],
        ("bootstrap", ["ctl2"]),
    ),
    "https://github.com/mariadb-operator/mariadb-operator/pull/1816 safe, -1 and no UUID": (
        [stopped(-1, ZERO, safe_to_bootstrap=True), stopped(9), stopped(8)],
        ("refuse", []),
    ),
    "https://github.com/mariadb-operator/mariadb-operator/pull/1905 different UUIDs": (
        [stopped(9), stopped(8, OTHER), stopped(7)],
        ("refuse", []),
    ),
    "https://github.com/mariadb-operator/mariadb-operator/issues/787 comes back after a crash": (
        [stopped(9), stopped(9), stopped(9)],
        ("bootstrap", ["ctl1"]),
    ),
    "https://github.com/mariadb-operator/mariadb-operator/issues/959 seqno 0 is a position": (
        [stopped(0), evidence(), evidence()],
        ("bootstrap", ["ctl1"]),
    ),
    "https://github.com/ClusterLabs/resource-agents/pull/1323 safe with a zero UUID": (
        [stopped(-1, ZERO, safe_to_bootstrap=True), evidence(), evidence()],
        ("refuse", []),
    ),
    "https://github.com/ClusterLabs/resource-agents/pull/1547 all crashed, nobody is safe": (
        [stopped(7), stopped(9), stopped(8)],
        ("bootstrap", ["ctl2"]),
    ),
    "https://github.com/percona/percona-xtradb-cluster-operator/pull/992 safe and not first": (
        [stopped(8), stopped(8), stopped(9, safe_to_bootstrap=True)],
        ("bootstrap", ["ctl3"]),
    ),
    "https://github.com/apecloud/kubeblocks-addons/pull/2997 the first is not the newest": (
        [stopped(7), stopped(8), stopped(9)],
        ("bootstrap", ["ctl3"]),
    ),
    "https://github.com/apecloud/kubeblocks-addons/pull/2997 nobody else is there": (
        [stopped(7, safe_to_bootstrap=True), None, None],
        ("wait", []),
    ),
    "kolla-ansible recover_cluster.yml several with the highest seqno": (
        [stopped(9), stopped(9), stopped(9)],
        ("bootstrap", ["ctl1"]),
    ),
    "resource-agents galera a safe flag does not wait for who could know better": (
        [stopped(5, safe_to_bootstrap=True), stopped(4), None],
        ("wait", []),
    ),
    "resource-agents galera values beyond the shell's": (
        [stopped(2**62), stopped(2**62 + 1), stopped(9)],
        ("bootstrap", ["ctl2"]),
    ),
    "openstack-ansible galera_server the first in the inventory": (
        [stopped(5), stopped(6), stopped(7)],
        ("bootstrap", ["ctl3"]),
    ),
    "https://bugzilla.redhat.com/show_bug.cgi?id=1372616 a moving transfer is not cut off": (
        [running(local_state=2), evidence(server="joining", is_receiving=True), evidence()],
        ("wait", []),
    ),
}


@pytest.mark.parametrize(("found", "expected"), CHOICES.values(), ids=CHOICES)
def test_choice(found, expected):
    assert word(decide(*found)) == expected


def test_a_seqno_that_went_back_between_crashes_is_refused():
    """https://github.com/percona/percona-xtradb-cluster-operator/pull/2467"""
    decision = decide(stopped(5), stopped(7), stopped(6), floor={"uuid": UUID, "seqno": 9})
    assert word(decision) == ("refuse", [])
    assert "recover demo node=ctl2" in decision["way_out"]


@pytest.mark.parametrize("hours", [1, 24])
def test_no_time_makes_the_evidence_weaker(hours):
    """
    Recovered positions were reset after ten minutes, and an empty node won:
    https://github.com/mariadb-operator/mariadb-operator/pull/1816
    """
    found = [evidence(safe_to_bootstrap=True), None, stopped(9)]
    assert decide(*found, without_primary=hours * 3600)["verdict"] == "refuse"


def test_a_dead_controller_blocks_nobody_silently():
    """https://github.com/SUSE-Cloud/doc-cloud/pull/973"""
    decision = decide(stopped(8), stopped(9), None, without_primary=LATE)
    assert decision["verdict"] == "refuse"
    assert "ctl3" in decision["why"]
    assert "`salt-run openstack_ha_galera.recover demo node=ctl2`" in decision["way_out"]
    chosen = decide(stopped(8), stopped(9), None, without_primary=LATE, chosen="ctl2")
    assert word(chosen) == ("bootstrap", ["ctl2"])


def test_one_view_of_two_and_no_position_is_refused():
    """https://github.com/bitnami/charts/issues/3214"""
    view = galera.gvwstate(gvwstate(VIEW[:2]))
    found = [stopped(-1, last_view=view), stopped(-1), stopped(-1)]
    assert decide(*found, has_restarted=False)["verdict"] == "refuse"


def test_a_view_of_all_comes_back_without_a_position():
    """https://bugs.launchpad.net/bugs/1682153: with a view, start plainly who is in it"""
    view = galera.gvwstate(gvwstate(VIEW))
    found = [stopped(-1, last_view=view)] * 3
    assert word(decide(*found, has_restarted=False)) == ("launch", MEMBERS)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="https://github.com/codership/galera/issues/354"),
        pytest.param("\n", id="https://github.com/ClusterLabs/resource-agents/pull/1052"),
        pytest.param(gvwstate(VIEW).partition("#vwend")[0], id="cut off"),
    ],
)
def test_an_empty_view_is_no_view(text):
    assert galera.gvwstate(text) is None
    found = [stopped(9, last_view=galera.gvwstate(text))] * 3
    assert word(decide(*found, has_restarted=False)) == ("bootstrap", ["ctl1"])


def test_a_gtid_suffix_does_not_make_the_largest():
    """
    https://github.com/mariadb-operator/mariadb-operator/pull/1480 and kolla-ansible's
    recover_cluster.yml
    """
    positions = [f"{UUID}:9,0-1-2", f"{UUID}:10,0-1-2", f"{UUID}:8"]
    found = [evidence(is_pristine=False, position=galera.recovered(log(one))) for one in positions]
    assert word(decide(*found)) == ("bootstrap", ["ctl2"])


def test_an_undefined_seqno_is_not_the_largest():
    """resource-agents galera: 18446744073709551615 is -1"""
    position = galera.recovered(log(f"{UUID}:{2**64 - 1}"))
    found = [evidence(is_pristine=False, position=position), stopped(9), stopped(9)]
    assert decide(*found)["verdict"] == "refuse"


def test_the_last_line_of_a_log_is_the_position():
    """kolla-ansible's recover_cluster.yml reads a log that is never emptied"""
    text = log(f"{UUID}:99") + log(f"{UUID}:9")
    assert galera.recovered(text)["seqno"] == 9
