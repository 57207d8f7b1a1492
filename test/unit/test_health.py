"""The health daemon without the services: verdicts, sharing, bounds, HTTP."""

import asyncio
import importlib.util
import json
import pathlib
import threading
import time

import pytest

PATH = pathlib.Path(__file__).parents[2] / "openstack_ha/health/files/openstack-ha-health.py"
SPEC = importlib.util.spec_from_file_location("openstack_ha_health", PATH)
health = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(health)

SYNCED = {
    "wsrep_ready": "ON",
    "wsrep_cluster_status": "Primary",
    "wsrep_local_state": "4",
    "read_only": "OFF",
    "wsrep_reject_queries": "NONE",
}
RUNNING = {"running": True, "partitions": [], "mem_alarm": False, "disk_free_alarm": False}


@pytest.mark.parametrize(
    ("change", "good", "reason"),
    [
        ({}, True, "synced"),
        ({"wsrep_local_state": "2"}, True, "donor"),
        ({"wsrep_ready": "OFF"}, False, "wsrep_ready is OFF"),
        ({"wsrep_cluster_status": "non-Primary"}, False, "component is non-Primary"),
        ({"wsrep_cluster_status": "Disconnected"}, False, "component is Disconnected"),
        ({"wsrep_local_state": "1"}, False, "node is joining"),
        ({"wsrep_local_state": "3"}, False, "node is joined"),
        ({"wsrep_local_state": "5"}, False, "node is in state '5'"),
        ({"read_only": "ON"}, False, "read_only is ON"),
        ({"wsrep_reject_queries": "ALL_KILL"}, False, "queries rejected: ALL_KILL"),
    ],
)
def test_galera_verdict(change, good, reason):
    assert health.galera_verdict({**SYNCED, **change}, True) == (good, reason)


def test_a_donor_is_left_alone_where_the_pillar_says_so():
    assert health.galera_verdict({**SYNCED, "wsrep_local_state": "2"}, False).good is False


@pytest.mark.parametrize("missing", sorted(SYNCED))
def test_galera_unknown_is_never_good(missing):
    facts = {name: value for name, value in SYNCED.items() if name != missing}
    assert health.galera_verdict(facts, True).good is False


@pytest.mark.parametrize(
    ("change", "good", "reason"),
    [
        ({}, True, "running"),
        ({"running": False}, False, "node is not running"),
        ({"partitions": ["rabbit@b"]}, False, "partitioned from rabbit@b"),
        ({"mem_alarm": True}, False, "mem_alarm is True"),
        ({"disk_free_alarm": True}, False, "disk_free_alarm is True"),
        ({"being_drained": True}, False, "node is drained"),
    ],
)
def test_rabbitmq_verdict(change, good, reason):
    assert health.rabbitmq_verdict({**RUNNING, **change}) == (good, reason)


@pytest.mark.parametrize("missing", ["running", "mem_alarm", "disk_free_alarm"])
def test_rabbitmq_unknown_is_never_good(missing):
    node = {name: value for name, value in RUNNING.items() if name != missing}
    assert health.rabbitmq_verdict(node).good is False


class Looker:
    """A look that counts, and takes until ``release`` is set."""

    def __init__(self):
        self.verdict = health.Verdict(True, "fine")
        self.count = 0
        self.release = threading.Event()
        self.release.set()

    def __call__(self):
        self.count += 1
        self.release.wait(10)
        return self.verdict


@pytest.fixture
def looker():
    made = Looker()
    yield made
    made.release.set()


@pytest.fixture
def check(looker, tmp_path):
    options = {
        "maintenance": str(tmp_path / "maintenance"),
        "cache": 0.1,
        "limit": 0.2,
        "patience": 60,
    }
    return health.Check("galera", looker, options)


def test_many_callers_share_one_look(check, looker):
    async def ask():
        return await asyncio.gather(*(check.verdict() for _ in range(50)))

    assert {verdict.reason for verdict in asyncio.run(ask())} == {"fine"}
    assert looker.count == 1


def test_a_verdict_is_looked_for_again_when_it_is_no_longer_fresh(check, looker):
    async def ask():
        first = await check.verdict()
        looker.verdict = health.Verdict(False, "gone")
        fresh = await check.verdict()
        await asyncio.sleep(check.cache)
        return first.good, fresh.good, (await check.verdict()).good

    assert asyncio.run(ask()) == (True, True, False)


def test_a_hung_service_is_bad_in_bounded_time_and_good_again_later(check, looker):
    async def ask():
        looker.release.clear()
        started = time.monotonic()
        hung = await asyncio.gather(*(check.verdict() for _ in range(5)))
        took = time.monotonic() - started
        looker.release.set()
        return hung, took, await check.verdict()

    hung, took, later = asyncio.run(ask())
    assert {verdict.reason for verdict in hung} == {"no answer within 0.2 s"}
    assert took < 1
    assert looker.count == 1
    assert later.good


def test_one_that_was_good_and_is_late_stays_good_for_its_patience(check, looker):
    async def ask():
        assert (await check.verdict()).good
        await asyncio.sleep(check.cache)
        looker.release.clear()
        late = await check.verdict()
        check.patience = 0
        return late, await check.verdict()

    late, hung = asyncio.run(ask())
    assert late == (True, "fine")
    assert hung == (False, "no answer within 0 s")
    assert looker.count == 2


def test_one_that_was_bad_and_is_late_is_bad(check, looker):
    async def ask():
        looker.verdict = health.Verdict(False, "gone")
        await check.verdict()
        await asyncio.sleep(check.cache)
        looker.release.clear()
        return await check.verdict()

    assert not asyncio.run(ask()).good


def test_one_that_is_late_and_then_bad_is_bad_at_once(check, looker):
    async def ask():
        await check.verdict()
        await asyncio.sleep(check.cache)
        looker.release.clear()
        looker.verdict = health.Verdict(False, "gone")
        late = await check.verdict()
        looker.release.set()
        return late, await check.verdict()

    late, gone = asyncio.run(ask())
    assert late.good
    assert gone == (False, "gone")


def test_maintenance_wins_and_asks_nobody(check, looker):
    check.maintenance.touch()
    verdict = asyncio.run(check.verdict())
    assert (verdict.good, looker.count) == (False, 0)
    assert str(check.maintenance) in verdict.reason


def test_only_a_change_is_said(check, looker, capsys):
    async def ask():
        for verdict in (True, True, False, False, True):
            looker.verdict = health.Verdict(verdict, "so it is")
            await check.verdict()
            await asyncio.sleep(check.cache)

    asyncio.run(ask())
    assert [line.split(":")[1] for line in capsys.readouterr().out.splitlines()] == [
        " good",
        " bad",
        " good",
    ]


async def served(check, request):
    """Serve the check on a free port and return the raw answer to the request."""
    server = await asyncio.start_server(
        lambda reader, writer: health.answer(check, reader, writer), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(request)
        answer = await reader.read()
        writer.close()
        return answer.decode()


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize(("good", "status"), [(True, "200 OK"), (False, "503 Service")])
def test_http_says_status_and_reason(check, looker, method, good, status):
    looker.verdict = health.Verdict(good, "because")
    answer = asyncio.run(served(check, f"{method} / HTTP/1.0\r\n\r\n".encode()))
    assert answer.startswith(f"HTTP/1.1 {status}")
    assert answer.endswith("\r\n\r\ngalera: because\n")


def test_head_has_no_body(check):
    answer = asyncio.run(served(check, b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"))
    assert answer.startswith("HTTP/1.1 200")
    assert answer.endswith("\r\n\r\n")


def test_other_methods_are_refused_without_a_look(check, looker):
    assert asyncio.run(served(check, b"POST / HTTP/1.0\r\n\r\n")).startswith("HTTP/1.1 405")
    assert looker.count == 0


def test_an_endless_request_is_hung_up_on(check, looker):
    assert asyncio.run(served(check, b"GET / HTTP/1.0\r\nX: " + b"x" * 200_000)) == ""
    assert looker.count == 0


class Flaky(health.Probe):
    """Breaks as often as it is told to."""

    def __init__(self, breaks):
        super().__init__({})
        self.breaks = breaks
        self.connects = 0

    def connect(self):
        self.connects += 1
        return self

    def ask(self):
        if self.breaks:
            self.breaks -= 1
            raise OSError("broken pipe")
        return health.Verdict(True, "fine")

    def close(self):
        self.connection = None


def test_a_stale_connection_is_replaced_within_the_same_look():
    probe = Flaky(breaks=0)
    assert probe.look().good
    probe.breaks = 1
    assert probe.look().good
    assert probe.connects == 2


def test_a_service_that_is_not_there_is_bad_and_says_why():
    probe = Flaky(breaks=1)
    assert probe.look() == (False, "cannot be asked: broken pipe")
    assert probe.look().good


def test_the_daemon_answers_where_nothing_runs(tmp_path, capsys):
    config = {
        "rabbitmq": {
            "amqp_port": 1,
            "cache": 0.1,
            "host": "127.0.0.1",
            "limit": 1,
            "patience": 1,
            "maintenance": str(tmp_path / "maintenance"),
            "node": "rabbit@here",
            "password_file": str(tmp_path / "password"),
            "port": 1,
            "timeout": 0.5,
            "user": "health",
        }
    }
    (tmp_path / "password").write_text("a-secret-word\n", encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    arguments = ["--config", str(tmp_path / "config.json"), "--once", "rabbitmq"]
    assert health.main(arguments) == 1
    said = capsys.readouterr().out
    assert "rabbitmq: bad: cannot be asked" in said
    assert "a-secret-word" not in said
