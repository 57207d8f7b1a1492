"""RabbitMQ's modules over simulated tools: who may start, join, forget and restart."""

import base64
import json
import pathlib

import openstack_ha_cluster
import pytest
from runners import Clock, functions, load, utils
from salt.exceptions import CommandExecutionError
from support import example

NODES = ["rabbit@ctl1", "rabbit@ctl2", "rabbit@ctl3"]
VIEW = {
    "name": "demo",
    "release": "2024.1",
    "rabbitmq": {"port": 5672, "queues": "quorum"},
    "self": {"id": "ctl3", "hostname": "ctl3", "address": "10.0.0.3"},
    "controllers": [
        {"id": f"ctl{one}", "hostname": f"ctl{one}", "address": f"10.0.0.{one}"}
        for one in (1, 2, 3)
    ],
}
SEEN = {
    "is_running": True,
    "cluster": "one",
    "is_paused": False,
    "is_hanging": False,
    "members": NODES,
    "running": NODES,
    "partitions": [],
    "queues": [NODES],
    "ill_queues": [],
}


class Host:
    """The third controller; ``calls`` has what its tools were told, ``looks`` what brokers know."""

    def __init__(self, folder):
        self.folder, self.calls, self.given = folder, [], []
        self.unit, self.is_blank = "inactive", True
        self.looks = {node: dict(SEEN) for node in NODES[:2]}
        self.peers = {node: {"answers": True, "serves": True} for node in NODES[:2]}
        self.results = {}
        self.status = {"is_running": False, "disk_nodes": NODES, "running_nodes": NODES}
        self.salt = {"cmd.run_all": self.run, "openstack_ha.view": lambda: VIEW}
        self.clock = Clock().module()
        self.tools, self.database = self.load("_tools"), self.load("_database")
        self.load("_peers")
        self.definitions, self.module = self.load("_definitions"), self.load("")
        self.turn = self.load("_turn")
        for module, names in (
            (self.tools, ("_TOOLS", "_CLIENT", "_HOME")),
            (self.database, ("_DATABASES", "_SET_ASIDE")),
        ):
            for name in names:
                setattr(module, name, str(folder / name))
        self.database._CLUSTER = str(folder / "state" / "cluster")
        self.module._MAY_BE_BLANK = str(folder / "may-be-blank")
        self.module._LOCK_FILE = str(folder / "run" / "lock")
        self.replace(self.module, "status", lambda: {"node": NODES[2], **self.status})
        (folder / "_CLIENT").touch()
        (folder / "_TOOLS").mkdir()
        for tool in ("rabbitmqctl", "rabbitmq-queues", "rabbitmq-upgrade"):
            (folder / "_TOOLS" / tool).touch()
        self.schema = folder / "_DATABASES" / NODES[2] / "schema.DAT"
        self.seen_blank = []

    def load(self, end):
        """Return a module, whose functions the others have then."""
        name = f"openstack_ha_rabbitmq{end}"
        own_utils = {**utils(), "openstack_ha_knock.at": self.probe}
        module = load("_modules", name, __utils__=own_utils, __salt__=self.salt)
        module.time = self.clock
        self.salt.update(functions(name, module))
        return module

    def replace(self, module, name, function):
        """Replace a module's function for itself and for the others."""
        setattr(module, name, function)
        self.salt[f"{module.__name__.rpartition('.')[2]}.{name}"] = function

    def own_database(self):
        self.schema.parent.mkdir(parents=True)
        self.schema.touch()

    def probe(self, address, port):
        node = f"rabbit@ctl{address[-1]}"
        if port == 25672:
            return {"answers": True, "serves": node in self.looks}
        return self.peers[node]

    def run(self, argv, python_shell, timeout, stdin, output_loglevel, **more):
        assert (python_shell, output_loglevel) == (False, "quiet")
        assert timeout
        self.given.append((argv, stdin))
        good = {"retcode": 0, "stdout": "", "stderr": ""}
        if argv[0] == "systemctl":
            if argv[1] == "show":
                return {**good, "stdout": f"{self.unit}\n"}
            self.calls.append(argv[1])
            if argv[1] in ("start", "restart"):
                self.seen_blank.append(pathlib.Path(self.module._MAY_BE_BLANK).exists())
                self.unit = "active"
            if argv[1] in self.results:
                return self.results[argv[1]]
            return good
        if argv[4] == self.tools._CLIENT:
            assert argv[5] == "-sname"
            return self.asked(argv[6], stdin, good)
        self.calls.append(" ".join([argv[4].rpartition("/")[2], *argv[5:-2]]))
        return self.results.get(argv[5], good)

    def asked(self, broker, expressions, good):
        """What erl_call prints."""
        if broker not in self.looks:
            return {**good, "retcode": 1, "stderr": f"failed to connect to node {broker}"}
        return told(good, self.looks[broker])


def told(good, value):
    return {**good, "stdout": base64.b64encode(json.dumps(value).encode()).decode() + "{ok, ok}"}


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = Host(tmp_path)
    monkeypatch.setattr(made.database.shutil, "chown", lambda *args, **kwargs: None)
    made.looks[NODES[2]] = {**SEEN, "is_running": False}
    return made


def refused(match):
    return pytest.raises(CommandExecutionError, match=match)


def parted(host, *nodes):
    for node in nodes:
        host.peers[node] = {"answers": False, "serves": False}


@pytest.mark.parametrize("step", ["join", "form"])
def test_a_blank_broker_starts_with_a_majority_only(host, step):
    parted(host, *NODES[:2])
    # Another one's broker answers, and its host does not: a probe of a moment before.
    host.peers[NODES[0]] = {"answers": False, "serves": step == "join"}
    with refused("reaches only 1 of 3"):
        getattr(host.module, step)()
    assert host.calls == []


@pytest.mark.parametrize("step", ["join", "form"])
def test_a_broker_with_a_database_is_no_new_one(host, step):
    host.own_database()
    with refused("has a database; nothing was done"):
        getattr(host.module, step)()


def test_a_join_needs_a_broker_that_serves(host):
    host.peers = {node: {"answers": True, "serves": False} for node in NODES[:2]}
    with refused("no peer's broker serves"):
        host.module.join()
    assert host.calls == []


def test_a_launch_is_for_a_broker_with_a_database(host):
    with refused("openstack_ha_rabbitmq.join"):
        host.module.launch()
    host.own_database()
    assert host.module.launch() == {}
    assert host.given[-1][0] == ["systemctl", "start", "--no-block", "rabbitmq-server"]


def test_a_wiped_broker_is_forgotten_by_the_majority_before_it_starts(host):
    host.looks.pop(NODES[2])
    host.looks[NODES[0]]["running"] = NODES[:2]
    host.module.start()
    assert host.calls[0] == f"rabbitmqctl forget_cluster_node {NODES[2]} --node {NODES[0]}"
    assert "start" in host.calls[1:]


def test_a_minority_forgets_no_wiped_broker(host):
    host.looks = {NODES[0]: {**SEEN, "running": NODES[:1]}}
    host.module.start()
    assert not [one for one in host.calls if "forget" in one]


def test_a_wiped_broker_waits_for_peers_that_know_it(host):
    host.looks = {NODES[0]: {**SEEN, "is_running": False, "running": []}}
    with refused("does not run and knows it as a member"):
        host.module.start()
    assert "start" not in host.calls


def test_a_peer_that_cannot_tell_yet_is_waited_for(host):
    host.looks = {NODES[0]: {**SEEN, "members": []}}
    with refused("is starting, and cannot tell yet"):
        host.module.start()
    assert "start" not in host.calls


def test_a_blank_broker_may_start_only_while_it_is_started(host):
    host.module.start()
    assert host.seen_blank[0] is True
    assert not pathlib.Path(host.module._MAY_BE_BLANK).exists()
    host.results["start"] = {"retcode": 1, "stdout": "", "stderr": "no"}
    with refused("did not end well"):
        host.module.start()
    assert not pathlib.Path(host.module._MAY_BE_BLANK).exists()


def test_a_broker_that_has_joined_gets_its_replicas(host):
    host.looks[NODES[2]] = {**SEEN, "queues": [NODES[:2]]}
    host.looks[NODES[0]]["members"] = host.looks[NODES[1]]["members"] = NODES[:2]
    with refused("rabbitmq-queues grow rabbit@ctl3 all"):
        host.module.start()
    assert f"rabbitmq-queues grow {NODES[2]} all" in host.calls


def test_a_start_is_alone(host, monkeypatch):
    locks = []
    monkeypatch.setattr(host.module.fcntl, "flock", lambda handle, how: locks.append(how))
    host.module.start()
    assert locks == [host.module.fcntl.LOCK_EX]


def forgotten(host, running=NODES[:2], cluster="one"):
    """The third broker, which the others' cluster does not know any more."""
    host.own_database()
    host.database.remember(cluster)
    known = {**SEEN, "members": NODES[:2], "running": list(running)}
    host.looks = {node: dict(known) for node in running}


def test_a_forgotten_broker_joins_without_its_database(host):
    forgotten(host)
    host.module.rejoin_forgotten()
    (moved_to,) = (host.folder / "_SET_ASIDE").iterdir()
    assert (moved_to / NODES[2] / "schema.DAT").exists()
    assert not host.schema.exists()
    assert host.module.evidence()["cluster"] is None
    assert host.calls[:2] == ["kill", "stop"]
    assert "start" in host.calls


def test_what_was_set_aside_stays_whatever_comes_after_it(host):
    kept = []
    for _ in range(2):
        host.schema.parent.mkdir(parents=True, exist_ok=True)
        host.schema.touch()
        kept.append(host.database.set_aside(NODES[2])["moved_to"])
        host.clock.sleep(1)
    assert len(set(kept)) == 2
    assert all(pathlib.Path(one, NODES[2], "schema.DAT").exists() for one in kept)
    host.schema.parent.mkdir(parents=True)
    host.schema.touch()
    host.calls.clear()
    # Within one second there is no second place.
    host.database.set_aside(NODES[2])
    host.schema.parent.mkdir(parents=True)
    host.schema.touch()
    host.calls.clear()
    with refused("holds another database"):
        host.database.set_aside(NODES[2])
    assert (host.schema.exists(), host.calls) == (True, [])


@pytest.mark.parametrize("cluster", ["another", ""])
def test_the_database_of_another_cluster_is_nobodys_to_move(host, cluster):
    forgotten(host, cluster=cluster)
    with refused("not known to have been of the cluster that runs"):
        host.module.rejoin_forgotten()
    assert (host.schema.exists(), host.calls) == (True, [])


def test_who_runs_writes_down_of_which_cluster_it_is(host):
    host.own_database()
    host.unit, host.looks[NODES[2]] = "active", dict(SEEN)
    assert host.module.evidence()["cluster"] == "one"
    host.unit = "inactive"
    assert host.module.evidence()["cluster"] == "one"
    host.schema.unlink()
    assert host.module.evidence()["cluster"] is None, "what is blank is of none"


def test_a_minority_takes_nobodys_database(host):
    forgotten(host, NODES[:1])
    with refused("no cluster of 2 running brokers was found"):
        host.module.rejoin_forgotten()
    assert host.schema.exists()
    assert host.calls == []


def test_a_member_keeps_its_database(host):
    host.own_database()
    with refused("is a member, or runs"):
        host.module.rejoin_forgotten()
    forgotten_but_runs = {**SEEN, "members": NODES[:2], "running": NODES[:2]}
    host.looks = {node: dict(forgotten_but_runs) for node in NODES[:2]}
    host.status["is_running"] = True
    with refused("is a member, or runs"):
        host.module.rejoin_forgotten()
    assert host.schema.exists()


@pytest.mark.parametrize("step", ["_database.set_aside", ".force_boot", ".rejoin"])
def test_the_broker_that_is_meant_is_named(host, step):
    host.own_database()
    with refused("this broker is rabbit@ctl3, not rabbit@ctl1"):
        host.salt[f"openstack_ha_rabbitmq{step}"](NODES[0])
    assert host.calls == []
    assert host.schema.exists()


def test_a_rejoin_needs_a_broker_to_join(host):
    host.own_database()
    parted(host, *NODES[:2])
    with refused("would be alone again; nothing was done"):
        host.module.rejoin(NODES[2])
    assert host.schema.exists()


def test_a_forced_boot_forgets_the_lost_first(host):
    host.own_database()
    parted(host, *NODES[:2])
    host.module.force_boot(NODES[2], without=NODES[1])
    assert host.calls[2:4] == [
        f"rabbitmqctl forget_cluster_node --offline {NODES[1]}",
        "rabbitmqctl force_boot",
    ]
    assert host.calls[4] == "start"


def test_nobody_is_forced_while_another_one_serves(host):
    host.own_database()
    with refused("runs already; nothing was done"):
        host.module.force_boot(NODES[2])
    assert host.calls == []


@pytest.mark.parametrize("step", ["relaunch", "stand_down"])
def test_a_broker_that_runs_is_not_stopped(host, step):
    host.unit = "active"
    host.status["is_running"] = True
    host.looks[NODES[2]] = dict(SEEN)
    with refused("runs; nothing was done"):
        getattr(host.module, step)()
    assert host.calls == []


def test_only_a_paused_broker_goes_on(host):
    host.unit = "active"
    with refused("is not paused"):
        host.module.resume()
    host.looks[NODES[2]]["is_paused"] = True
    host.module.resume()
    assert host.calls == ["rabbitmqctl start_app"]
    host.unit = "activating"
    assert host.module.evidence()["is_paused"] is False, "a start is no pause"


def runs(host, **status):
    host.unit = "active"
    host.status.update(is_running=True, node=NODES[2], **{"maintenance": [], **status})


def test_one_that_nobody_would_miss_may_be_taken_away(host):
    runs(host)
    assert host.turn.obstacle() is None
    assert host.calls == [
        "rabbitmq-queues check_if_node_is_quorum_critical",
        "rabbitmq-queues check_if_node_is_mirror_sync_critical",
    ]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        ({"running_nodes": NODES[1:]}, "rabbit@ctl1 does not run"),
        ({"maintenance": NODES[:1]}, "rabbit@ctl1 is in maintenance"),
        ({"is_running": False}, "rabbit@ctl3 has not started yet, or is paused"),
    ],
)
def test_not_while_another_one_is_away_or_it_starts(host, status, why):
    runs(host)
    host.status.update(status)
    assert host.turn.obstacle() == why
    assert host.calls == []


@pytest.mark.parametrize("kind", ["quorum_critical", "mirror_sync_critical"])
def test_not_while_queues_depend_on_it(host, kind):
    runs(host)
    host.results[f"check_if_node_is_{kind}"] = {"retcode": 69, "stdout": "", "stderr": ""}
    assert kind in host.turn.obstacle()


def test_a_sole_broker_is_missed_by_nobody_that_could_be_asked(host):
    runs(host, disk_nodes=NODES[2:], running_nodes=NODES[2:])
    assert host.turn.obstacle() is None
    assert host.calls == []


def test_who_is_in_maintenance_does_not_serve_and_is_revived(host):
    runs(host)
    assert host.turn.serves() is True
    host.turn.drain()
    host.turn.revive()
    assert host.calls == ["rabbitmq-upgrade drain"], "it has restarted meanwhile"
    host.status["maintenance"] = NODES[2:]
    assert host.turn.serves() is False
    host.turn.revive()
    assert host.calls[1:] == ["rabbitmq-upgrade revive"]


def test_a_drain_that_fails_says_so(host):
    runs(host)
    host.results["drain"] = {"retcode": 69, "stdout": "", "stderr": "no"}
    with refused("rabbitmq-upgrade drain .* ended with 69: no"):
        host.turn.drain()


def test_who_cannot_be_asked_is_not_absent(host):
    host.unit = "active"
    host.looks.pop(NODES[2])
    assert host.module.evidence()["is_running"] is False, "nothing listens there"
    host.looks[NODES[2]] = {}
    host.asked = lambda *args: {"retcode": 1, "stdout": "", "stderr": "bad cookie"}
    with refused("bad cookie"):
        host.module.evidence()


def test_a_machine_that_begins_is_asked_again(host):
    """It listens before it lets anybody in."""
    answers = iter(["failed to connect to node", "failed to connect to node"])
    asked = host.asked

    def beginning(broker, expressions, good):
        told = next(answers, None)
        if told:
            return {**good, "retcode": 1, "stderr": told}
        return asked(broker, expressions, good)

    host.unit, host.asked = "active", beginning
    assert host.module.evidence()["members"] == NODES
    host.asked = lambda broker, expressions, good: {
        **good,
        "retcode": 1,
        "stderr": "failed to connect to node",
    }
    with refused("did not answer erl_call"):
        host.module.evidence()


def test_passwords_reach_the_broker_hashed_and_by_a_pipe(host):
    secret = "the-password-of-nova"
    host.salt["openstack_ha.secret"] = lambda path: secret
    host.definitions._import({"users": [{"name": "nova", "tags": []}]})
    argv, stdin = host.given[-1]
    assert "password_hash" in stdin
    assert secret not in stdin
    assert "password_hash" not in " ".join(argv)


@pytest.mark.parametrize(("has_machines", "own"), [(True, ["nova"]), (False, [])])
def test_services_that_run_are_wanted_users(host, has_machines, own):
    cluster = example()
    if not has_machines:
        del cluster["network"]["provider"], cluster["nodes"]["cmp[1-2]"]
    seen = openstack_ha_cluster.view(openstack_ha_cluster.complete(cluster), "ctl1")
    seen["controllers"] = openstack_ha_cluster.controllers(seen)
    host.salt["openstack_ha.view"] = lambda: seen
    users = [user["name"] for user in host.definitions._desired("3.10")["users"]]
    assert users == ["health", *own, "openstack"]


def test_definitions_show_no_hash(host):
    users = {"users": [{"name": "nova", "password_hash": "x"}]}
    host.results["export_definitions"] = {"retcode": 0, "stdout": json.dumps(users), "stderr": ""}
    assert host.definitions.export() == {"users": [{"name": "nova"}]}


def test_a_repair_names_what_it_could_not_mend(host):
    def asked(broker, expressions, good):
        assert broker == NODES[2]
        assert "<<113>>" in expressions, "the name as bytes, whatever is in it"
        return told(good, [[{"name": "q", "vhost": "/", "result": "no_majority"}]])

    host.asked = asked
    with refused("q in /: no_majority"):
        host.module.repair([["/", "q"]])


def test_a_tool_that_fails_is_told_without_its_advice(host):
    text = "Error: no\n\nDIAGNOSTICS: cookie hash: abc"
    host.results["forget_cluster_node"] = {"retcode": 2, "stdout": "", "stderr": text}
    with refused("ended with 2: Error: no") as told:
        host.module.forget(NODES[0])
    assert "abc" not in str(told.value)
