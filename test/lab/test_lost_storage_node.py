"""
A storage node loses its power, silently, while clients write and read objects and images are half
way: nobody notices.
"""

import os
import random
import time
from typing import NamedTuple

import pytest
from images.transfers import Images
from swift.store import WORK

from lab.waiting import PATIENCE, wait_for


class Loss(NamedTuple):
    """What clients got of images: before, half way, and through each controller afterwards."""

    image: list
    downloaded: list
    uploaded: list
    while_down: list


@pytest.fixture(scope="module")
def loss(lab, store, mended_once):
    images = Images(lab)
    first, *_, last = images.controllers
    image = images.ask("upload", first)
    victim = random.Random(os.environ["LAB_SEED"]).choice(lab.with_role("storage"))
    with store:
        _, (downloaded, uploaded) = images.half_way(
            [("download", first, image[0]), ("upload", last)], lab.node(victim).kill
        )
        while_down = [images.ask("download", one, uploaded[0]) for one in images.controllers]
        lab.node(victim).boot()
        wait_for(lambda: lab.master.answering(victim), PATIENCE, f"the minion of {victim}")
        time.sleep(WORK)
    return Loss(image, downloaded, uploaded, while_down)


def test_no_operation_fails(store, loss):
    assert store.failed() == []
    assert int(store.run("verify"))


def test_no_transfer_of_an_image_ends(loss):
    assert loss.downloaded == loss.image


def test_images_are_the_same_through_every_controller_meanwhile(loss):
    assert len(loss.while_down) > 1
    assert loss.while_down == [loss.uploaded] * len(loss.while_down)


def test_every_proxy_gives_the_same_objects_afterwards(lab, store, loss, serving):
    serving()
    for node in lab.nodes.values():
        if "proxy" in node.roles:
            store.run("check", node.address)
