"""Waits of the lab: what they say when nothing came."""

import itertools

import pytest

from lab import LabError, waiting
from lab.waiting import wait_for, wait_while


def test_the_first_true_answer_is_returned():
    answers = iter([None, [], "there"])
    assert wait_for(lambda: next(answers), 60, "it", pause=0) == "there"


def test_what_was_seen_last_is_told():
    answers = itertools.count()
    with pytest.raises(LabError, match=r"0 s in vain for it; seen last: 0"):
        wait_for(lambda: next(answers), 0, "it")


def test_a_look_that_finds_nothing_ends_the_wait():
    answers = iter([["one is down"], []])
    wait_while(lambda: next(answers), 60, "it", pause=0)
    assert next(answers, "no more") == "no more"


def test_what_is_still_found_is_told():
    with pytest.raises(LabError, match=r"in vain for it; seen last: \['one is down'\]"):
        wait_while(lambda: ["one is down"], 0, "it")


@pytest.mark.parametrize("wait", [wait_for, wait_while])
def test_the_pause_is_as_long_as_the_look(monkeypatch, wait):
    clock, slept = itertools.count(0, 7), []
    monkeypatch.setattr(waiting.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(waiting.time, "sleep", slept.append)
    answers = iter([wait is wait_while, wait is wait_for])
    wait(lambda: next(answers), 600, "it")
    assert slept == [7]
