"""The faults of a chaos run: each begins in a lab that serves, and ends when the world is mended.

Nobody here starts or repairs a service: hosts boot, cables are plugged in, disks are freed.
"""

from .scene import DATADIR, WIPE, WIPE_BROKER

FAULTS = {}

# Through these RabbitMQ itself does not promise what it has confirmed to a mirrored queue. Whatever
# one host alone suffers, and a power cut of all at once, is not among them.
EXCEPTED = {
    # Brokers go one after another, and the copy that is made after each loss may lead before it is
    # in step: RabbitMQ warns of that for `exactly` with `ha-promote-on-shutdown: always`
    # (https://www.rabbitmq.com/docs/3.13/ha).
    "all_are_shut_down_at_once",
    "all_are_shut_down_one_by_one",
    "two_are_lost",
    # A leader that is cut off drops its copies, and confirms alone until it notices that it has to
    # pause; a copy on the other side leads by then (https://www.rabbitmq.com/docs/3.13/partitions).
    "everybody_is_split_off",
    "one_is_split_off",
}

# A disk of the server's own, which can be full.
NEEDS_DISK = {"one_disk_is_full"}

GRASTATE = f"{DATADIR}/grastate.dat"
BROKEN_GRASTATE = {
    "garbage": f"head -c 500 /dev/urandom > {GRASTATE}",
    "zero_uuid": f"sed -i 's/^uuid:.*/uuid: 00000000-0000-0000-0000-000000000000/' {GRASTATE}",
    "safe_without_seqno": (
        f"sed -i 's/^seqno:.*/seqno: -1/; s/^safe_to_bootstrap:.*/safe_to_bootstrap: 1/' {GRASTATE}"
    ),
    "truncated": f"truncate --size=40 {GRASTATE}",
    "empty_view": f": > {DATADIR}/gvwstate.dat; chown mysql: {DATADIR}/gvwstate.dat",
}


def fault(function):
    """Put a fault into the bag."""
    FAULTS[function.__name__] = function
    return function


def bag(chance, rounds):
    """Return the names of the faults of so many rounds: every one once before any one twice."""
    drawn = []
    while len(drawn) < rounds:
        drawn += chance.sample(sorted(FAULTS), len(FAULTS))
    return drawn[:rounds]


@fault
def one_is_shut_down(scene):
    (node,) = scene.some(1)
    scene.shut_down(node)
    scene.pause(0, 20)
    scene.boot(node)


@fault
def one_loses_power(scene):
    (node,) = scene.some(1)
    scene.kill(node)
    scene.pause(0, 20)
    scene.boot(node)


@fault
def holder_of_the_vip_loses_power(scene):
    node = scene.vip_holder()
    scene.kill(node)
    scene.pause(0, 20)
    scene.boot(node)


@fault
def one_database_is_wiped(scene):
    (node,) = scene.some(1)
    scene.database_down(node)
    scene.shell(node, WIPE, "its data is wiped")
    if scene.chance.random() < 0.5:
        scene.kill(node)
        scene.boot(node)


def _broken_grastate(how, script):
    def broken(scene):
        (node,) = scene.some(1)
        scene.database_down(node)
        scene.shell(node, script, f"its grastate.dat or gvwstate.dat is broken: {how}")
        scene.kill(node)
        scene.pause(0, 5)
        scene.boot(node)

    broken.__name__ = f"grastate_{how}"
    return fault(broken)


for _how, _script in BROKEN_GRASTATE.items():
    _broken_grastate(_how, _script)


@fault
def all_lose_power_and_one_grastate(scene):
    how = scene.chance.choice(sorted(BROKEN_GRASTATE))
    (node,) = scene.some(1)
    # In the running server's directory: it writes the file again only when its view changes.
    scene.shell(node, BROKEN_GRASTATE[how], f"its grastate.dat or gvwstate.dat is broken: {how}")
    scene.kill(*scene.nodes)
    scene.boot(*scene.nodes)


@fault
def two_are_lost(scene):
    lost = scene.some(2)
    for node in lost:
        scene.chance.choice([scene.kill, scene.shut_down])(node)
    scene.boot(*lost)


@fault
def survivor_without_a_primary_waits(scene):
    lost = scene.some(2)
    scene.kill(*lost)
    scene.pause(30, 70)
    scene.boot(*lost)


@fault
def all_are_shut_down_one_by_one(scene):
    for node in scene.all():
        scene.shut_down(node)
        scene.pause(0, 5)
    scene.boot(*scene.nodes)


@fault
def all_are_shut_down_at_once(scene):
    scene.shut_down(*scene.nodes)
    scene.boot(*scene.nodes)


@fault
def all_lose_power(scene):
    scene.kill(*scene.nodes)
    scene.boot(*scene.nodes)


@fault
def joiner_dies_in_its_transfer(scene):
    (joiner,) = scene.some(1)
    scene.database_down(joiner)
    scene.shell(joiner, WIPE, "its data is wiped")
    scene.transfer(joiner)
    scene.kill(joiner)
    scene.pause(0, 10)
    scene.boot(joiner)


@fault
def donor_dies_in_a_transfer(scene):
    (joiner,) = scene.some(1)
    scene.database_down(joiner)
    scene.shell(joiner, WIPE, "its data is wiped")
    donor = scene.transfer(joiner)
    scene.kill(donor)
    scene.pause(0, 10)
    scene.boot(donor)


@fault
def all_lose_power_in_a_transfer(scene):
    (joiner,) = scene.some(1)
    scene.database_down(joiner)
    scene.shell(joiner, WIPE, "its data is wiped")
    scene.transfer(joiner)
    scene.kill(*scene.nodes)
    scene.boot(*scene.nodes)


@fault
def one_disk_is_full(scene):
    (node,) = scene.some(1)
    fill = f"dd if=/dev/zero of={DATADIR}/filler bs=1M status=none"
    assert "No space left" in scene.shell(node, fill, "its disk is filled").err
    scene.grow()
    scene.pause(5, 40)
    scene.shell(node, f"rm {DATADIR}/filler", "its disk is freed")


@fault
def one_is_split_off(scene):
    (node,) = scene.some(1)
    others = [other for other in scene.nodes if other != node]
    scene.cut(node, scene.chance.choice([others, None]))
    scene.pause(5, 40)
    scene.heal(node)


@fault
def everybody_is_split_off(scene):
    for node in scene.nodes[:-1]:
        scene.cut(node, [other for other in scene.nodes if other != node])
    scene.pause(5, 60)
    scene.heal(*scene.nodes)


@fault
def one_broker_is_killed(scene):
    (node,) = scene.some(1)
    scene.shell(node, "systemctl kill --signal=KILL rabbitmq-server", "its broker is killed")


@fault
def one_broker_is_stopped(scene):
    (node,) = scene.some(1)
    scene.shell(node, "systemctl stop rabbitmq-server", "its broker is stopped")
    if scene.chance.random() < 0.5:
        scene.shut_down(node)
        scene.boot(node)


@fault
def one_broker_stays_behind(scene):
    (node,) = scene.some(1)
    # As one that paused, and whose start after it came to nothing.
    scene.shell(node, "rabbitmqctl stop_app", "its broker stops, and its Erlang machine goes on")


@fault
def one_broker_is_wiped(scene):
    (node,) = scene.some(1)
    scene.broker_down(node)
    scene.shell(node, WIPE_BROKER, "its broker's data is wiped")
    if scene.chance.random() < 0.5:
        scene.kill(node)
        scene.boot(node)


@fault
def one_loses_all_its_data(scene):
    (node,) = scene.some(1)
    scene.database_down(node)
    scene.broker_down(node)
    scene.shell(node, f"{WIPE}; {WIPE_BROKER}", "its server's and its broker's data are wiped")
    scene.kill(node)
    scene.pause(0, 20)
    scene.boot(node)
