"""
What is changed on three nodes at once goes round one node at a time, drained, restarted or reloaded
as it takes, and no client notices; what a run has left without it is finished by the next one.
"""

import pytest
from salt.utils import dictupdate
from swift import site
from turns.going import LONGEST, STEPS, assert_fared, assert_in_turn, going, outdated

from lab import highstate

# Of one that is drained, one that is restarted, and one that is reloaded.
OPTIONS = {
    "memcached": {"connections": 4000},
    "keystone": {"options": {"DEFAULT": {"list_limit": 500}}},
    "haproxy": {"timeouts": {"http_request": 11}},
}
WANTED = {service: STEPS[service] for service in OPTIONS}


@pytest.fixture(scope="module")
def rounds(lab, nodes, mended_once):
    """Other options go round, and then the former ones, which the first node has already."""

    def apply(*names, target=nodes):
        sls = ",".join(f"openstack_ha.{one}" for one in names)
        # A minion of a busy host is not asked whether it still works.
        return lab.master.salt(",".join(target), "state.apply", sls, patience=LONGEST)

    content = site.source()
    dictupdate.update(content["openstack_ha"], OPTIONS)
    site.give(lab, content)
    there = going(lab, lambda: apply(*OPTIONS))
    site.give(lab, site.source())

    def cut_off_and_again():
        # As a run leaves it that is cut off between file and restart.
        apply(*(f"{one}.config" for one in OPTIONS), target=nodes[:1])
        return apply(*OPTIONS)

    return {"there": there, "back": going(lab, cut_off_and_again)}


def test_each_goes_round_one_node_at_a_time(rounds, nodes, tell):
    assert highstate.failures(rounds["there"].returns, nodes) == {}
    assert_in_turn(rounds["there"], WANTED, nodes, tell)


def test_what_a_run_has_left_is_finished_by_the_next(lab, rounds, nodes, tell):
    assert highstate.failures(rounds["back"].returns, nodes) == {}
    assert_in_turn(rounds["back"], WANTED, nodes, tell)
    assert [outdated(lab, node) for node in nodes] == [set()] * len(nodes)


@pytest.mark.parametrize("way", ["there", "back"])
def test_no_client_has_to_ask_three_times(rounds, way, nodes, figure, tell):
    figure(f"requests while three nodes change, {way}", rounds[way].fared["answered"])
    assert_fared(rounds[way], nodes, tell)
