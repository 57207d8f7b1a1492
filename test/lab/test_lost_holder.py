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
from lab.waiting import PATIENCE, wait_while

# Seconds of operations before the loss, and after it at least: the figures are bench/failover's.
BEFORE, AFTER = 5, 25


class Loss(NamedTuple):
    """
    Who it was, when it died and booted, and what clients saw: operations through the VIP, and
    images before, half way, and through each other controller afterwards.
    """

    holder: str
    died: float
    booted: float
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
    probe = failover.Probe(lab, seconds=BEFORE + AFTER)

    def act():
        with probe:
            time.sleep(BEFORE)
            lab.node(holder).kill()
            return time.time()

    # Both reach Swift through the VIP, on connections that nobody answers any more.
    died, (downloaded, uploaded) = images.half_way(
        [("download", first, image[0]), ("upload", last)], act
    )
    while_down = [images.ask("download", one, uploaded[0]) for one in (first, last)]
    booted = time.time()
    lab.node(holder).boot()
    return Loss(holder, died, booted, probe, image, downloaded, uploaded, while_down)


def test_every_operation_succeeds_again(lab, loss, figure):
    assert loss.probe.records, loss.probe.error
    records = list(loss.probe.records)
    for kind, one in failover.gaps(records, failover.operations(lab)).items():
        figure(f"longest gap of {kind}, in seconds", one["gap"])

    def failing():
        """Kinds without a success that began after the loss, and their last errors."""
        own = {one["operation"] for one in records if not one["error"] and one["begin"] > loss.died}
        left = {one["operation"]: one["error"] for one in records if one["operation"] not in own}
        if left:
            with failover.Probe(lab, seconds=3) as probe:
                pass
            records.extend(probe.records)
        return left

    wait_while(failing, PATIENCE, "every operation to succeed again")


def test_no_transfer_ends(loss):
    assert loss.downloaded == loss.image
    assert loss.while_down == [loss.uploaded] * 2


def test_it_comes_back_in_one_batch(loss, are_back, serving):
    batch = are_back([loss.holder], loss.booted)
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
