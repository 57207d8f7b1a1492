"""
The controller that holds the VIP loses its power, silently, under everything that clients do; it
boots, and comes back by itself.
"""

import time
from typing import NamedTuple

import pytest
from images.transfers import Images

from bench import failover
from lab.salt import LONGEST_JOB

# Seconds until each operation succeeds again, with room for a machine that others use too: the
# figures themselves are bench/failover's.
BOUND = 30


class Loss(NamedTuple):
    """
    Who it was and when it booted, and what clients saw: operations through the VIP, and images
    before, half way, and through each other controller afterwards.
    """

    holder: str
    begin: float
    probe: failover.Probe
    image: list
    downloaded: list
    uploaded: list
    while_down: list


@pytest.fixture(scope="module")
def loss(lab, mended_once):
    images = Images(lab)
    holder = failover.vip_holder(lab)
    first, last = (one for one in images.controllers if one != lab.node(holder).address)
    image = images.ask("upload", first)
    probe = failover.Probe(lab, seconds=5 + BOUND)

    def act():
        with probe:
            time.sleep(5)
            lab.node(holder).kill()

    # Both reach Swift through the VIP, on connections that nobody answers any more.
    downloaded, uploaded = images.half_way([("download", first, image[0]), ("upload", last)], act)
    while_down = [images.ask("download", one, uploaded[0]) for one in (first, last)]
    begin = time.time()
    lab.node(holder).boot()
    return Loss(holder, begin, probe, image, downloaded, uploaded, while_down)


def test_every_operation_succeeds_again(lab, loss):
    assert loss.probe.records, loss.probe.error
    for kind, one in failover.gaps(loss.probe.records, failover.operations(lab)).items():
        assert one["gap"] is not None and one["gap"] < BOUND, f"{kind}: {one}"
        assert one["succeeded"] > one["failed"], f"{kind}: {one}"


def test_no_transfer_ends(loss):
    assert loss.downloaded == loss.image
    assert loss.while_down == [loss.uploaded] * 2


def test_it_comes_back_in_one_batch(loss, are_back, serving):
    batch = are_back([loss.holder], loss.begin)
    assert batch["nodes"] == {loss.holder: {"is_back": True, "step": None, "why": None}}
    serving()


def test_a_highstate_after_its_boot_has_nothing_left_to_do(lab, loss, serving):
    serving()
    returns = lab.master.salt(loss.holder, "state.highstate", patience=LONGEST_JOB, queue=True)[
        loss.holder
    ]
    assert isinstance(returns, dict), returns
    left = [key for key, state in returns.items() if state["changes"] or not state["result"]]
    assert left == []
