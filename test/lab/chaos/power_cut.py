"""How long each part of a cluster takes to come back after all nodes have lost their power."""

import concurrent.futures
import time

from bench import failover
from lab import LabError
from lab.waiting import PATIENCE, wait_for

POLL = 0.5
DECISION = "first decision about Galera"


def measure(lab, load, scene):
    """Cut the power of all nodes at once, boot them, and return seconds since the last boot."""
    events = {}

    def hear(tag, _event):
        events.setdefault(tag, time.time())

    with (
        lab.listen("salt/minion/*/start", hear),
        lab.listen("openstack_ha/*/galera/decision", hear),
        concurrent.futures.ThreadPoolExecutor() as pool,
    ):
        scene.kill(*lab.nodes)
        events.clear()
        scene.boot(*lab.nodes)
        booted = scene.history.last_step
        up = [pool.submit(_since, lambda node=node: _is_up(node)) for node in lab.nodes.values()]
        vip = pool.submit(_since, lambda: bool(failover.vip_holders(lab)))
        starts = [f"salt/minion/{node}/start" for node in lab.nodes]
        connected = pool.submit(_since, lambda: set(starts) <= set(events))
        whole = load.whole(PATIENCE)
        served = load.served_since(booted, PATIENCE)
        hosts, holder = [one.result() for one in up], vip.result()
        connected.result()
    started = [events.get(tag) for tag in starts]
    decided = [at for tag, at in events.items() if tag.endswith("/decision")]
    phases = {
        "every host is up": _last(hosts),
        "every minion is connected": _last(started),
        DECISION: min(decided, default=None),
        "every member is Synced": whole["galera"],
        "the VIP is held": holder,
        "rows are written through the VIP": served["rows"],
        "every broker runs": whole["rabbitmq"],
        "quorum queue takes messages": served["quorum"],
        "mirrored queue takes messages": served["mirrored"],
        "every queue has its copies": whole["queues"],
    }
    return {name: None if at is None else at - booted for name, at in phases.items()}


def _is_up(node):
    return node.run(["systemctl", "is-active", "--quiet", "basic.target"]).rc == 0


def _since(is_so):
    """Return when it is first seen to be so."""
    try:
        return wait_for(lambda: time.time() if is_so() else None, PATIENCE, "a phase", POLL)
    except LabError:
        return None


def _last(times):
    return None if None in times else max(times)
