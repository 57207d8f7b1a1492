"""The judges of the chaos run: Galera's views from a journal, fates from a writer's log."""

import random

from chaos import faults, load, watch

A, B, C = "0aaaaaaa-0001", "0bbbbbbb-0002", "0ccccccc-0003"
GROUP = "edd43571-e6a9-11f1-aa9c-ee1e4fcd7b56"


def _view(at, kind, number, *members):
    begin = f"{at}.5 ctl1 mariadbd[7]: "
    return "\n".join(
        [
            f"{begin}2026-11-22 19:32:32 0 [Note] WSREP: view(view_id({kind},{A},{number}) memb {{",
            *(f"{begin}        {member},0" for member in members),
            f"{begin}}} joined {{",
            f"{begin}        {C},0",
            f"{begin}        group UUID = {GROUP}",
        ]
    )


def _ended(at):
    return f"{at}.5 ctl1 systemd[1]: mariadb.service: Main process exited, code=killed, status=9"


def _primary(node, view, members, begin, end):
    return watch.Primary(node, view, frozenset(members), begin, end)


def test_a_primary_view_lasts_until_the_next_view():
    journal = "\n".join([_view(10, "PRIM", 1, A, B), _view(20, "NON_PRIM", 1, A)])
    assert watch.primaries("ctl1", journal, [], until=99) == [
        _primary("ctl1", f"{A},1", [A, B], 10.5, 20.5)
    ]


def test_a_primary_view_ends_with_its_process():
    journal = "\n".join([_view(10, "PRIM", 1, A, B), _ended(12), _view(20, "PRIM", 2, A)])
    assert [one.end for one in watch.primaries("ctl1", journal, [], until=99)] == [12.5, 99]


def test_a_primary_view_ends_with_the_power():
    journal = "\n".join([_view(10, "PRIM", 1, A, B), _view(30, "PRIM", 2, A, B)])
    assert [one.end for one in watch.primaries("ctl1", journal, [15], until=99)] == [15, 99]


def test_a_closed_connection_ends_its_view():
    journal = _view(10, "PRIM", 1, A) + "\n14.5 ctl1 mariadbd[7]: x [Note] WSREP: view((empty))"
    assert [one.end for one in watch.primaries("ctl1", journal, [], until=99)] == [14.5]


def test_two_components_at_once_are_found_however_short():
    one, other = (
        _primary("ctl1", "one", [A], 10, 20),
        _primary("ctl2", "other", [B, C], 19.9, 30),
    )
    assert [pair for _, *pair in watch.two_primaries([one, other])] == [[one, other]]


def test_components_one_after_the_other_are_none():
    times = [_primary("ctl1", "one", [A], 10, 20), _primary("ctl2", "other", [B, C], 20, 30)]
    assert watch.two_primaries(times) == []


def test_a_change_of_the_view_may_take_its_time_and_no_longer():
    late = _primary("ctl1", "old", [A, B, C], 0, 100 + watch.SKEW)
    new = _primary("ctl2", "new", [B, C], 100, 200)
    assert watch.two_primaries([late, new]) == []
    assert len(watch.two_primaries([late._replace(end=late.end + 1), new])) == 1


def test_the_clusters_own_uuid_is_found():
    assert watch.cluster_uuids(_view(10, "PRIM", 1, A)) == {GROUP}


def test_half_a_line_of_a_log_is_no_fate():
    assert load.fates("a 1 10.5\nu 2 11.5 (2013, 'Lost')\na 3 12") == [
        load.Fate(True, 1, 10.5),
        load.Fate(False, 2, 11.5),
    ]


def test_the_longest_gap_counts_from_the_begin_and_to_the_end():
    assert load.longest_gap([11, 12, 14], 10, 15) == 2
    assert load.longest_gap([11], 10, 15) == 4
    assert load.longest_gap([], 10, 15) == 5


def test_every_fault_comes_once_before_any_comes_twice():
    count = len(faults.FAULTS)
    drawn = faults.bag(random.Random(7), 2 * count + 1)
    assert set(drawn[:count]) == set(drawn[count : 2 * count]) == set(faults.FAULTS)
    assert drawn == faults.bag(random.Random(7), 2 * count + 1)


def test_what_is_excepted_is_a_fault():
    assert set(faults.FAULTS) > faults.EXCEPTED
