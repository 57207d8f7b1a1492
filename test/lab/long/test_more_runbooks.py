"""
The runbooks' longer sections, carried out as those of test_runbooks are: `make runbooks`.
"""

import pytest
from support import cluster_size, sql
from turns.going import outdated

from lab.errors import LabError
from lab.waiting import wait_for

pytestmark = pytest.mark.usefixtures("mended")

BOUND = 300
DATADIR = "/var/lib/mysql"
WIPE = f"find {DATADIR} -mindepth 1 -delete"
FLOOR = "/var/lib/openstack_ha/galera.json"
UUID = "11111111-2222-11f0-8888-123456789abc"


def planned(lab, system):
    (decision,) = lab.master.run("openstack_ha_coordinator.plan", "demo", system)["decisions"]
    return decision["verdict"]


def test_a_lost_controller_does_not_answer(lab, nodes, serving, follow):
    for node in nodes:
        lab.node(node).kill()
    for node in ("ctl1", "ctl2"):
        lab.node(node).boot()
        lab.node(node).wait_booted()
    wait_for(lambda: lab.master.answering("ctl1,ctl2") == ["ctl1", "ctl2"], 120, "the minions")
    follow("lost-node.md", "A controller does not answer")
    assert cluster_size(lab.node("ctl2")) == 2
    lab.node("ctl3").boot()
    serving(BOUND)


def test_different_clusters(lab, stop_all, refusal, follow, serving):
    other = f"sed -i 's/^uuid:.*/uuid:    {UUID}/' {DATADIR}/grastate.dat"
    stop_all(ctl3=other)
    place = refusal()
    assert place == ("total-power-loss.md", "Different clusters")
    follow(*place)
    serving()


def test_the_newest_data_is_missing(lab, stop_all, refusal, follow, serving):
    kept = lab.master.run("openstack_ha_record.read", "demo.galera")
    uuid = kept["floor"]["uuid"]
    stop_all(ctl2=f"""echo '{{"uuid": "{uuid}", "seqno": 99999999}}' > {FLOOR}""")
    place = refusal()
    assert place == ("total-power-loss.md", "The newest data is missing")
    follow(*place)
    serving()


def test_a_position_is_not_known_and_a_controller_is_chosen(lab, stop_all, refusal, follow):
    alone = f"{WIPE}; mariadb-install-db --user=mysql; install -d -o mysql {DATADIR}/shop"
    stop_all(ctl3=alone)
    place = refusal()
    assert place == ("total-power-loss.md", "A position is not known")
    follow(*place)
    follow("total-power-loss.md", "Starting from a controller of your choice")
    follow(*refusal())


def test_a_server_that_somebody_has_desynced_keeps_nobody_away(lab, serving, refusal, follow):
    sql(lab.node("ctl2"), "SET GLOBAL wsrep_desync = ON")
    lab.node("ctl3").check(["systemctl", "stop", "mariadb"])
    lab.master.run("openstack_ha_coordinator.answer", "demo", "galera")
    wait_for(lambda: cluster_size(lab.node("ctl1")) == 3, BOUND, "ctl3 to come back")
    place = refusal()
    assert place == ("lost-node.md", "A server stays Donor/Desynced")
    follow(*place)
    serving()


def test_no_second_cluster_is_made_beside_a_server_whose_minion_is_silent(lab, serving, unseen):
    lab.node("ctl3").check(["systemctl", "stop", "salt-minion"])
    with unseen():
        for node in ("ctl1", "ctl2"):
            lab.node(node).check(["systemctl", "stop", "mariadb"])
    with pytest.raises(LabError, match="the database of ctl3 answers on"):
        lab.master.run("openstack_ha_galera.recover", "demo", node="ctl1", dry_run=False)
    lab.node("ctl3").check(["systemctl", "start", "salt-minion"])
    serving(BOUND)


def test_two_primary_components(lab, serving, refusal, follow):
    node = lab.node("ctl3")
    node.partition(["ctl1", "ctl2"])
    wait_for(
        lambda: "non-Primary" in sql(node, "SHOW STATUS LIKE 'wsrep_cluster_status'"),
        60,
        "ctl3 to notice",
    )
    sql(node, "SET GLOBAL wsrep_provider_options='pc.bootstrap=1'")
    place = refusal()
    assert place == ("split.md", "Two Primary components")
    node.heal()
    follow(*place)
    serving()


def test_writes_that_the_primary_component_lacks(lab, serving, refusal, follow, unseen):
    node = lab.node("ctl3")
    with unseen():
        node.check(["systemctl", "stop", "mariadb"])
        node.check(["sed", "-i", "s/^seqno:.*/seqno:   99999999/", f"{DATADIR}/grastate.dat"])
    place = refusal()
    assert place == ("split.md", "Writes that the Primary component lacks")
    follow(*place)


def test_data_of_another_cluster(lab, serving, refusal, follow, unseen):
    node = lab.node("ctl3")
    with unseen():
        node.check(["systemctl", "stop", "mariadb"])
        node.check(["sed", "-i", f"s/^uuid:.*/uuid:    {UUID}/", f"{DATADIR}/grastate.dat"])
    place = refusal()
    assert place == ("replacing-a-controller.md", "Data of another cluster")
    follow(*place)


def test_a_new_host_in_place_of_the_old_one(lab, serving, follow):
    lab.replace("ctl3")
    follow("replacing-a-controller.md", "A new host in place of the old one")
    serving()


def test_every_data_directory_is_empty(lab, nodes, stop_all, refusal, follow, serving):
    stop_all(**dict.fromkeys(nodes, WIPE))
    place = refusal()
    assert place == ("total-power-loss.md", "Every data directory is empty")
    follow(*place)
    serving()
    # Keystone's database was lost too, and a user of the cluster file is there again.
    lab.node("ctl1").check(["openstack", "--os-cloud", "admin", "user", "show", "demo"])


def test_a_node_that_was_cut_off_hears_its_master_soon(lab, nodes):
    """The master ends the connection, and the node does not hear of it."""
    node = lab.node("ctl3")
    wait_for(lambda: lab.master.answering("ctl3"), BOUND, "ctl3's minion")
    connected = f"ss -Htn state established '( sport = :4505 )' dst {node.address}"
    assert lab.master.host.check(["sh", "-c", connected])
    node.partition()
    wait_for(lambda: not lab.master.host.check(["sh", "-c", connected]), 120, "the master's end")
    node.heal()
    wait_for(lambda: lab.master.answering("ctl3"), 60, "ctl3 to hear its master")


RABBITMQ = "broken-rabbitmq.md"
MAY_BE_BLANK = "/run/openstack_ha/rabbitmq-may-be-blank"
DATABASE = "/var/lib/rabbitmq/mnesia/rabbit@"


@pytest.fixture
def kill_brokers(lab, nodes):
    """Return a function that ends all brokers, and keeps the master from starting them."""

    def kill():
        lab.master.stop()
        for node in nodes:
            lab.node(node).check(["systemctl", "kill", "--signal=KILL", "rabbitmq-server"])
            lab.node(node).check(["systemctl", "stop", "rabbitmq-server"])

    return kill


def _start_brokers(lab, *nodes):
    for node in nodes:
        lab.node(node).check(["systemctl", "start", "--no-block", "rabbitmq-server"])
    lab.master.start()


def test_brokers_wait_for_a_wiped_one(lab, serving, kill_brokers, refusal, follow):
    kill_brokers()
    lab.node("ctl3").check(["rm", "-r", f"{DATABASE}ctl3"])
    _start_brokers(lab, "ctl1", "ctl2")
    place = refusal("rabbitmq")
    assert place == (RABBITMQ, "Brokers wait for one another")
    follow(*place)
    serving(BOUND)


def test_a_broker_whose_database_is_broken(lab, serving, refusal, follow, unseen):
    node = lab.node("ctl3")
    with unseen():
        node.check(["systemctl", "stop", "rabbitmq-server"])
        node.check(["sh", "-c", f"echo broken > {DATABASE}ctl3/schema.DAT"])
        node.check(["systemctl", "start", "--no-block", "rabbitmq-server"])
    place = refusal("rabbitmq")
    assert place == (RABBITMQ, "A broker does not start")
    follow(*place)
    serving(BOUND)


@pytest.fixture
def found(lab):
    """Return a function that gives a broker a cluster of its own, while the master is away."""

    def apart(name):
        node = lab.node(name)
        lab.master.stop()
        node.check(["systemctl", "stop", "rabbitmq-server"])
        node.partition(["ctl1", "ctl2"])
        lab.node("ctl1").check(["rabbitmqctl", "forget_cluster_node", f"rabbit@{name}"])
        node.check(["rm", "-r", f"{DATABASE}{name}"])
        node.check(["touch", MAY_BE_BLANK])
        node.check(["systemctl", "start", "rabbitmq-server"])
        node.check(["rm", MAY_BE_BLANK])
        node.heal()

    return apart


# The global name server knows of no machine any more that it agrees with.
DISAGREE = "sys:replace_state(global_name_server, fun(S) -> setelement(4, S, []) end)."
START_ANEW = "rabbit:stop(), spawn(fun() -> rabbit:start() end)."


def test_brokers_that_hang_in_their_start(lab, nodes, serving):
    """By luck a cut in three ends so: the machines do not agree on global names any more."""
    for node in nodes:
        lab.node(node).check(["rabbitmqctl", "eval", DISAGREE])
    for node in nodes:
        lab.node(node).check(["rabbitmqctl", "eval", START_ANEW])

    def all_hang():
        found = lab.master.run("openstack_ha_coordinator.plan", "demo", "rabbitmq")["evidence"]
        return all(found[node] and found[node]["is_hanging"] for node in nodes)

    wait_for(all_hang, 60, "every broker to hang")
    # They are started anew one after another.
    serving(BOUND)


def test_a_broker_that_made_a_cluster_of_its_own(lab, serving, found, refusal, follow):
    found("ctl3")
    lab.master.start()
    place = refusal("rabbitmq")
    assert place == (RABBITMQ, "Two clusters")
    follow(*place, number=0)
    serving(BOUND)


def test_the_cluster_to_keep_is_the_one_that_stands(
    lab, serving, found, kill_brokers, refusal, follow
):
    found("ctl3")
    kill_brokers()
    _start_brokers(lab, "ctl3")
    place = refusal("rabbitmq")
    assert place == (RABBITMQ, "Two clusters")
    follow(*place, number=1)
    serving(BOUND)


def test_the_brokers_disk_is_full(lab, serving, follow):
    node = lab.node("ctl3")
    node.check(["rabbitmqctl", "set_disk_free_limit", "100000000000000"])
    shown = "salt-run openstack_ha.status demo"
    wait_for(lambda: "alarm disk" in lab.master.host.run(["sh", "-c", shown]).out, 60, "the alarm")
    follow(RABBITMQ, "The disk is full")
    node.check(["rabbitmqctl", "set_disk_free_limit", "1GB"])
    wait_for(lambda: lab.master.host.run(["sh", "-c", shown]).rc == 0, 60, "the alarm to end")


def test_a_broker_that_is_cut_off(lab, serving, refusal, follow):
    node = lab.node("ctl3")
    node.partition(["ctl1", "ctl2"])
    place = refusal("rabbitmq")
    assert place == (RABBITMQ, "Brokers do not see one another")
    follow(*place, number=0)
    node.heal()
    follow(*place, number=1)
    serving(BOUND)


def test_brokers_wait_for_a_lost_host(lab, serving, kill_brokers, refusal, follow):
    kill_brokers()
    lab.node("ctl3").kill()
    _start_brokers(lab, "ctl1", "ctl2")
    place = refusal("rabbitmq")
    assert place == (RABBITMQ, "A controller does not answer")
    follow(*place, number=1)
    lab.node("ctl3").boot()
    lab.node("ctl3").wait_booted()
    follow(*place, number=0)
    serving(BOUND)


def test_a_new_cluster_without_a_lost_host(lab, nodes, serving, kill_brokers, refusal, follow):
    kill_brokers()
    for node in nodes:
        lab.node(node).check(["rm", "-r", f"{DATABASE}{node}"])
    lab.node("ctl3").kill()
    _start_brokers(lab)
    place = refusal("rabbitmq")
    assert place == (RABBITMQ, "A controller does not answer")
    follow(*place, number=2)
    lab.node("ctl3").boot()
    serving(BOUND)


QUEUE = """{"queues": [{"name": "my_queue", "vhost": "/", "durable": true, "auto_delete": false,
 "arguments": {"x-queue-type": "quorum"}}]}"""
LOSE_REPLICA = "ra:force_delete_server(quorum_queues, {'%2F_my_queue', node()})."


def test_a_quorum_queue_that_has_lost_its_majority(lab, serving, refusal, follow):
    lab.node("ctl1").check(["sh", "-c", f"echo '{QUEUE}' | rabbitmqctl import_definitions"])
    for node in ("ctl2", "ctl3"):
        lab.node(node).check(["rabbitmqctl", "eval", LOSE_REPLICA])
    place = refusal("rabbitmq")
    assert place == (RABBITMQ, "A quorum queue is ill")
    follow(*place)
    follow("total-power-loss.md", "By itself")


def test_nothing_is_wrong_with_the_brokers(serving, follow):
    follow(RABBITMQ, "")


KEYRING = "/var/lib/openstack_ha_keys/demo.keystone.json"


def test_the_master_has_no_keys(lab, serving, refusal, follow):
    before = lab.master.run("openstack_ha_keystone.keys", "demo")
    lab.master.host.check(["mv", KEYRING, f"{KEYRING}.lost"])
    place = refusal("keystone")
    assert place == ("lost-keys.md", "The master has no keys")
    follow(*place)
    after = lab.master.run("openstack_ha_keystone.keys", "demo")
    assert after["credential"] == before["credential"]


def test_the_master_has_other_keys(lab, serving, refusal, follow):
    before = lab.master.run("openstack_ha_keystone.keys", "demo")
    for name in ("fernet", "credential"):
        keys = f"/etc/keystone/{name}-keys"
        lab.node("ctl2").check(
            ["sh", "-c", f"for key in {keys}/*; do head -c 32 /dev/urandom | base64 > $key; done"]
        )
    place = refusal("keystone")
    assert place == ("lost-keys.md", "The master has other keys")
    follow(*place, 0)
    follow("lost-keys.md", "By itself")
    assert lab.master.run("openstack_ha_keystone.keys", "demo") == before
    assert planned(lab, "keystone") == "settled"
    follow(*place, 1)
    assert planned(lab, "keystone") == "settled"


def test_the_master_has_older_keys(lab, serving, refusal, follow):
    lab.master.host.check(["cp", "--preserve", KEYRING, f"{KEYRING}.copy"])
    after = lab.master.run("openstack_ha_keystone.rotate", "demo")
    lab.master.host.check(["mv", f"{KEYRING}.copy", KEYRING])
    place = refusal("keystone")
    assert place == ("lost-keys.md", "The master has older keys")
    follow(*place)
    assert lab.master.run("openstack_ha_keystone.keys", "demo")["fernet"] == after["fernet"]
    assert planned(lab, "keystone") == "settled"


def test_a_node_answers_with_an_error(lab, stop_all, refusal, follow, serving):
    stop_all(ctl2=f"echo nonsense > {FLOOR}")
    place = refusal()
    assert place == ("lost-node.md", "A node answers with an error")
    follow(*place, 0)
    lab.node("ctl2").check(["rm", FLOOR])
    follow(*place, 1)
    serving()


def test_a_step_changes_nothing(lab, refusal, follow, serving):
    """A drop-in of somebody's lets the server start with something else than its file."""
    node, path = lab.node("ctl2"), "/etc/systemd/system/mariadb.service.d/zz-somebody.conf"
    node.write(path, "[Service]\nExecStartPre=/bin/sh -c 'echo >> /run/mysqld/openstack_ha.cnf'\n")
    node.check(["systemctl", "daemon-reload"])
    node.check(["sh", "-c", "echo '# other' >> /etc/mysql/mariadb.conf.d/99-openstack_ha.cnf"])
    place = refusal()
    assert place == ("lost-node.md", "A step changes nothing")
    follow(*place, 0)
    node.check(["rm", path])
    node.check(["systemctl", "daemon-reload"])
    follow(*place, 1)
    serving()


def test_a_service_does_not_come_back(lab, refusal, follow, serving):
    """One has an older configuration, and is not renewed while another one does not serve."""
    older, path = lab.node("ctl1"), "/etc/keystone/keystone.conf"
    lab.node("ctl2").check(["systemctl", "stop", "keystone"])
    older.check(["sh", "-c", f"echo '# other' >> {path}"])
    place = refusal("turn")
    assert place == ("lost-node.md", "A service does not come back")
    follow(*place, 0)
    lab.node("ctl2").check(["systemctl", "start", "keystone"])
    follow(*place, 1)
    serving()


def test_a_storage_node_does_not_come_back(lab, refusal, follow, serving):
    """One has an older configuration, and is not renewed while another one is off."""
    lab.node("sto3").kill()
    lab.node("sto2").check(["sh", "-c", "echo '# other' >> /etc/swift/object-server.conf"])
    assert "swift.storage" in outdated(lab, "sto2")
    place = refusal("turn")
    assert place == ("lost-node.md", "A service does not come back")
    follow(*place, 2)
    assert outdated(lab, "sto2") == set()
    lab.node("sto3").boot()
    serving()
