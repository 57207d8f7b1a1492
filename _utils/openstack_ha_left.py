"""
Controllers that leave their cluster: who may, in which steps, and what the cluster is without them.

The cluster goes on as if its file did not name them, from the moment at which the master puts that
on record; so nobody starts there what is to be stopped. The VIP goes first, as nobody else may
answer on it, then what is behind HAProxy, HAProxy itself, and last the brokers and the database,
each of which ends its own membership by a clean stop. The brokers that stay forget the one that is
gone (``openstack_ha_rabbitmq_membership``).
"""

import openstack_ha_cluster
import openstack_ha_galera_election as election
import openstack_ha_rule
import openstack_ha_systems

VIP = "keepalived"
# What nobody else has to take over from a node before it goes.
ROLES = ("controller", "proxy")


def without(cluster, left):
    """
    Return a cluster without the controllers that have left it.

    cluster
        A complete cluster.

    left
        Their ids, which become the cluster's ``left``.
    """
    if not left:
        return cluster
    nodes = {
        one: node
        for one, node in cluster["nodes"].items()
        if one not in left or "controller" not in node["roles"]
    }
    return {**cluster, "nodes": nodes, "left": list(left)}


def objections(cluster, node, found, reached):
    """
    Return why a controller must not leave now, a line for each reason.

    cluster
        What the runner ``openstack_ha.cluster`` returns.

    node
        The controller's id.

    found
        What ``openstack_ha.evidence`` returned by controller, None for silence.

    reached
        Of one that is silent, ids of those whose knock its host answers.
    """
    roles = cluster["nodes"][node]["roles"]
    if "controller" not in roles:
        return [f"{node} is no controller; its roles are {', '.join(roles)}"]
    others = [one for one in roles if one not in ROLES]
    if others:
        return [
            f"{node} has the role {', '.join(others)} too, and would leave with it; take that role "
            "away from it in the cluster file first, and a highstate brings its work elsewhere"
        ]
    stay = [one["id"] for one in openstack_ha_cluster.controllers(cluster) if one["id"] != node]
    if not stay:
        return [f"{node} is the only controller of {cluster['name']}"]
    if _is_only_proxy(cluster, node):
        return [f"{node} is the only one with the role proxy; give it to another node first"]
    lines = [line for one in stay for line in _lacks(one, found.get(one))]
    if lines:
        lines.append(
            "a controller leaves while all others serve: "
            f"`salt-run openstack_ha.status {cluster['name']}`"
        )
    if openstack_ha_rule.error(found[node]) is not None:
        lines += openstack_ha_rule.silence([node], found)
    if reached:
        lines.append(
            f"{node} does not answer the master, and its host answers {', '.join(reached)}, so it "
            "may hold the VIP; `systemctl restart salt-minion` there has it answer, or power it off"
        )
    return lines


def steps(cluster, node, is_dead):
    """
    Return what is done with a controller that leaves, a line each.

    cluster, node
        As for ``objections``.

    is_dead
        It does not answer, and its host does not either.
    """
    file, stay = cluster["file"], openstack_ha_cluster.controllers(cluster)
    stay = ",".join(one["id"] for one in stay if one["id"] != node)
    parts = leaving(openstack_ha_cluster.systems(cluster, node))
    known = f"the master goes on without {node}: it is in no view, election, turn or ring of keys"
    if is_dead:
        stops = [
            f"nothing of {node} is stopped, as its host is dead; should it boot again, the master "
            "stops it as soon as its minion answers. Until then it takes the VIP: keep it off"
        ]
    else:
        stops = [
            f"{node}: {VIP} stops, and another controller takes the VIP where it had it",
            f"{node}: {', '.join(drained(cluster, node))} are drained, until nobody uses them",
            f"{node}: stopped and disabled, in this order: {', '.join(parts[1:])}",
        ]
    return [
        known,
        *stops,
        f"the brokers that stay forget the one of {node}, with its replicas of queues",
        f"left to you: `salt -L {stay} state.highstate queue=True`, then take {node} out of {file}",
    ]


def leaving(parts):
    """
    Return parts in the order in which they stop: the reverse of that in which they come up, where
    what is up for the VIP is the last.

    parts
        Names of parts of systems.
    """
    order = [one for one in openstack_ha_systems.parts() if one in parts]
    return [VIP, *(one for one in reversed(order) if one != VIP)]


def drained(cluster, node):
    """
    Return the services of a controller that HAProxy sends work to and that end it when they are
    drained, as they are named among the turns.

    cluster, node
        As for ``objections``.
    """
    own = openstack_ha_cluster.systems(cluster, node)
    return [
        name
        for name, facts in openstack_ha_systems.turns().items()
        if name in own and "row" in facts and facts["patience"]
    ]


def patience(services):
    """
    Return for how many seconds services are waited for that still have work.

    services
        What ``drained`` returned.
    """
    return max((openstack_ha_systems.turns()[one]["patience"] for one in services), default=0)


def used(host, services, found):
    """
    Return those of a host's services that a HAProxy still sends work to, or that have some.

    host
        The host's name, by which HAProxy knows its servers.

    services
        What ``drained`` returned.

    found
        What ``openstack_ha_turn.evidence`` returned by controller, None for silence.
    """
    rows = {
        service: [
            one[service]["seen"].get(host)
            for one in found.values()
            if one and openstack_ha_rule.fits(one.get(service), {"seen": {str: dict}})
        ]
        for service in services
    }
    return [
        service
        for service, seen in rows.items()
        if any(row and (row["serves"] or row["sessions"]) for row in seen)
    ]


def _is_only_proxy(cluster, node):
    proxies = [one for one, it in cluster["nodes"].items() if "proxy" in it["roles"]]
    return proxies == [node]


def _lacks(node, said):
    """What keeps a controller that stays from serving alone, as clauses."""
    if not isinstance(said, dict) or openstack_ha_rule.error(said) is not None:
        return openstack_ha_rule.silence([node], {node: said})
    found, galera, rabbitmq = [], said.get("galera"), said.get("rabbitmq")
    wsrep = galera.get("wsrep") if isinstance(galera, dict) else None
    whole = ("Primary", election.SYNCED)
    if not wsrep or (wsrep["cluster_status"], wsrep["local_state"]) != whole:
        found.append(f"the database of {node} is not Synced in a Primary component")
    if not isinstance(rabbitmq, dict) or not rabbitmq.get("is_running"):
        found.append(f"the broker of {node} does not run")
    return found
