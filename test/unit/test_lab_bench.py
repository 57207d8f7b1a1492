"""The longest gap of what the probe wrote."""

import random

from bench.failover import GOALS, gaps


def record(operation, end, error=None):
    return {"operation": operation, "begin": end - 0.05, "end": end, "error": error}


def test_a_gap_is_between_two_that_succeed_however_many_fail_between_them():
    records = [
        *(record("http", end) for end in (0.0, 0.1, 0.2, 1.5, 1.6)),
        *(record("http", end, "refused") for end in (0.4, 0.8, 1.2)),
        record("amqp", 0.9),
    ]
    random.Random(0).shuffle(records)
    assert gaps(records)["http"] == {
        "gap": 1.3,
        "succeeded": 5,
        "failed": 3,
        "errors": ["refused"],
    }


def test_a_gap_that_is_not_over_lasts_until_the_end():
    records = [record("http", end) for end in (0.0, 0.1)]
    records += [record("http", end, "refused") for end in (1.0, 9.05)]
    assert gaps(records)["http"]["gap"] == 8.9


def test_what_never_succeeded_twice_has_no_gap_and_not_a_small_one():
    found = gaps([record("http", 1.0), record("amqp", 1.0, "refused")])
    assert {name: one["gap"] for name, one in found.items()} == dict.fromkeys(GOALS)
    assert (found["amqp"]["succeeded"], found["amqp"]["failed"]) == (0, 1)
