"""
A minion that somebody else controls: what it may send, and that it changes nothing but a look.

The attacker is ctl1, with root's rights on its host and Salt's own code to make messages of; ctl3,
whose voice it wants, is dead. `docs/security.md` says what each test stands for.
"""

import concurrent.futures
import pathlib
import time

import pytest
import salt.channel.client
import salt.config
import salt.crypt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from support import await_until

WORD = {"verdict": "bootstrap", "nodes": ["ctl1"], "why": "because I say so", "way_out": None}
EVIDENCE = {
    "is_ready": True,
    "server": "stopped",
    "is_outdated": False,
    "wsrep": None,
    "position": None,
    "safe_to_bootstrap": True,
    "last_view": None,
    "is_pristine": True,
    "is_receiving": False,
    "floor": None,
}
FORGED = {
    "a boot of another node": "salt/minion/ctl2/start",
    "a boot of nobody": "salt/minion//start",
    "a boot with a path": "salt/minion/../../../etc/passwd/start",
    "a boot with a template": "salt/minion/{{ salt['cmd.run']('id') }}/start",
    "a boot with quotes": "salt/minion/'\"; `id` $(id) */start",
    "a boot of a target expression": "salt/minion/* or G@os:Debian/start",
    "a boot with lines": "salt/minion/a\nb:\n  runner.test.arg/start",
    "a boot of a very long id": f"salt/minion/{'a' * 5000}/start",
    "Galera's doorbell": "openstack_ha/demo/galera/doorbell",
    "Galera's doorbell of no cluster": "openstack_ha/nobody/galera/doorbell",
    "Galera's doorbell with a path": "openstack_ha/..%2fdemo/galera/doorbell",
    "Galera's doorbell with a template": "openstack_ha/{{ 7 * 7 }}/galera/doorbell",
    "RabbitMQ's doorbell": "openstack_ha/demo/rabbitmq/doorbell",
    "Keystone's doorbell": "openstack_ha/demo/keystone/doorbell",
    "the doorbell of the schemas": "openstack_ha/demo/db_sync/doorbell",
    "a doorbell of no system": "openstack_ha/demo/nothing/doorbell",
    "a doorbell of too many parts": "openstack_ha/demo/galera/galera/doorbell",
    "a doorbell with a system's path": "openstack_ha/demo/../doorbell",
    "a doorbell with a system's template": "openstack_ha/demo/{{ 7 * 7 }}/doorbell",
    "a boot of a cluster": "openstack_ha/demo/booted",
    "a boot of no cluster": "openstack_ha/../booted",
    "a boot of a cluster with a template": "openstack_ha/{{ 7 * 7 }}/booted",
    "a decision": "openstack_ha/demo/galera/decision",
    "a rejoin's end": "openstack_ha/demo/rejoin/done",
}

# Jobs that change nothing, and Salt's own question whether a job still runs.
LOOKS = {
    "openstack_ha_db_sync.evidence",
    "openstack_ha_galera.evidence",
    "openstack_ha_keepalived.evidence",
    "openstack_ha_keystone.evidence",
    "openstack_ha_rabbitmq.evidence",
    "openstack_ha_rejoin.status",
    "openstack_ha_word.hear",
    "saltutil.find_job",
}


@pytest.fixture(scope="module")
def attacker(controllers):
    return controllers[0]


@pytest.fixture(scope="module")
def speak(attacker):
    """Return a function that sends the master a message as the attacker's minion would."""
    opts = salt.config.minion_config(attacker.config_file)
    opts["master_uri"] = f"tcp://127.0.0.1:{opts['master_port']}"

    def send(message):
        token = salt.crypt.SAuth(opts).gen_token(b"salt")
        with salt.channel.client.ReqChannel.factory(opts, crypt="aes") as channel:
            return channel.send({"id": attacker.id, "tok": token, **message}, timeout=20)

    return send


@pytest.fixture
def jobs(since):
    """Return a function that gives the jobs since a time."""

    def published(begin):
        return [event.data for event in since(begin, "salt/job/*/new")]

    return published


def _function(job):
    """A job's function, or what it asks a node to do for its master."""
    for argument in job["arg"]:
        if isinstance(argument, dict) and "function" in argument:
            return argument["function"]
    return job["fun"]


@pytest.mark.usefixtures("first_look")
def test_forged_events_change_nothing_but_cause_a_look(
    attacker, speak, jobs, run, ask, answered, reacted
):
    answered("galera", "demo")
    known = _records(run)
    begin = time.time()
    for tag in FORGED.values():
        payload = {**WORD, "evidence": {"ctl3": EVIDENCE}, "id": "ctl2", "name": "demo"}
        # As a single event, and as beacons send theirs, whose id is the sender's to choose.
        speak({"cmd": "_minion_event", "tag": tag, "data": payload})
        speak({"cmd": "_minion_event", "events": [{"tag": tag, "data": payload}]})
    # Behind all of them, so that they have been dealt with when this one has.
    last = "event.send"
    assert ask(attacker.id, last, "salt/minion/last/start") is True
    reacted(begin, "last")
    assert _records(run) == known
    done = {_function(job) for job in jobs(begin)} - {last}
    assert "openstack_ha_galera.evidence" in done, "nobody looked"
    assert done <= LOOKS


def _records(run):
    """What the master holds to be true of demo."""
    galera, rejoin = (
        run("openstack_ha_record.read", f"demo.{one}") for one in ("galera", "rejoin")
    )
    return galera["decision"], galera["floor"], rejoin


FORGERIES = {
    "an event in a batch": lambda jid, answer: {
        "cmd": "_minion_event",
        "events": [{"tag": f"salt/job/{jid}/ret/ctl3", "data": answer}],
    },
    "a single event": lambda jid, answer: {
        "cmd": "_minion_event",
        "tag": f"salt/job/{jid}/ret/ctl3",
        "data": answer,
        **{key: value for key, value in answer.items() if key != "id"},
    },
    "the return of a resource": lambda jid, answer: {
        "cmd": "_return",
        **answer,
        "id": "ctl1",
        "resource_id": "ctl3",
    },
    "what a syndic would say": lambda jid, answer: {
        "cmd": "_syndic_return",
        "id": "ctl1",
        "jid": jid,
        "fun": answer["fun"],
        "load": [
            {
                "id": "ctl1",
                "jid": jid,
                "fun": answer["fun"],
                "return": {"ctl3": {"return": answer["return"], "retcode": 0, "success": True}},
            }
        ],
    },
    "a return with another id": lambda jid, answer: {"cmd": "_return", **answer, "id": "ctl3"},
}


@pytest.fixture(scope="module")
def dead(master):
    """ctl3's key is accepted; its host is not there."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    accepted = pathlib.Path(master.config["pki_dir"], "minions/ctl3")
    accepted.write_bytes(
        key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    yield
    accepted.unlink()


@pytest.mark.usefixtures("dead", "first_look")
def test_a_dead_nodes_evidence_is_not_forged(master, speak, jobs, run):
    """The attacker is asked together with the others, so it knows the job's id."""
    begin = time.time()

    def question():
        return [
            job
            for job in jobs(begin)
            if "ctl3" in job["tgt"] and _function(job) == "openstack_ha_galera.evidence"
        ]

    with concurrent.futures.ThreadPoolExecutor() as pool:
        planning = pool.submit(run, "openstack_ha_coordinator.plan", "demo", "galera")
        job = await_until(question, 120, "the question")[0]

        def forge(name):
            """Say it again and again while the master waits; how often before it has decided."""
            answer = {
                "id": "ctl3",
                "jid": job["jid"],
                "fun": job["fun"],
                "fun_args": [],
                "return": {**EVIDENCE, "obeys": master.id, "floor": name},
                "retcode": 0,
                "success": True,
            }
            count = 0
            while not planning.done():
                count += 1
                # The master may leave a forgery without an answer.
                speak(FORGERIES[name](job["jid"], answer))
            return count

        counts = dict(zip(FORGERIES, pool.map(forge, FORGERIES), strict=True))
        found = planning.result()
    assert all(counts.values()), f"a forgery comes too late: {counts}"
    assert found["evidence"]["ctl3"] is None
    assert [one["verdict"] for one in found["decisions"]] == ["wait"]


def test_a_minion_asks_no_other_one(ask, attacker):
    assert ask(attacker.id, "publish.publish", "ctl*", "test.ping") == {}


@pytest.mark.parametrize(
    "runner", ["openstack_ha.clusters", "openstack_ha_lease.show", "openstack_ha_rejoin.booted"]
)
def test_a_minion_runs_no_runner(ask, attacker, runner):
    assert ask(attacker.id, "publish.runner", runner) == {}


def test_no_minion_finds_anything_in_the_mine(ask, attacker):
    assert ask(attacker.id, "mine.get", "*", "pillar.items") == {}


@pytest.mark.parametrize(
    "path", ["cluster.yaml", "demo.yaml", "../demo.yaml", "_pillar/../../demo.yaml"]
)
def test_the_file_server_has_no_cluster_file(ask, attacker, cluster_files, path):
    # What it has it gives.
    given = ask(attacker.id, "cp.get_file_str", "salt://openstack_ha/init.sls")
    assert "openstack_ha.includes" in given
    for source in (f"salt://{path}", f"salt://{cluster_files['demo']}"):
        assert ask(attacker.id, "cp.get_file_str", source) is False


def test_a_minion_has_no_other_pillar(attacker, speak):
    """The id of a question for pillar is the one that the key stands for."""
    question = {"cmd": "_pillar", "id": "ctl2", "grains": {"id": "ctl2"}, "saltenv": "base"}
    try:
        answer = speak({**question, "pillar_override": {}, "ver": "2", "pillarenv": None})
    except Exception as exc:
        answer = str(exc)
    assert "rabbitmq" not in repr(answer), answer


@pytest.mark.usefixtures("first_look")
def test_a_node_takes_the_word_of_one_master_at_a_time(master, attacker, run, ask):
    """A second master, played through the first one's jobs: the node itself tells them apart."""

    def serve(name, function):
        return str(ask(attacker.id, "openstack_ha_master.serve", name, function))

    run("openstack_ha_coordinator.answer", "demo", "galera")
    refused = serve("other", "openstack_ha_rejoin.status")
    assert master.id in refused
    assert "is_deployed" not in refused
    ask(attacker.id, "openstack_ha_master.leave")
    assert "is_deployed" in serve("other", "openstack_ha_rejoin.status")
    assert run("openstack_ha_coordinator.plan", "demo", "galera")["evidence"][attacker.id] is None
    ask(attacker.id, "openstack_ha_master.leave")
