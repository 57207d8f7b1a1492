"""
Nova as a coordinated system: its cell is made once, every compute node's host is mapped to it, and
a service that hangs is restarted (``openstack_ha_nova_progress``).

Nova's schedulers could look for new hosts by themselves; several that find the same one are in each
other's way. Here one controller looks, when there is somebody to be found.

Evidence of a node is a mapping with all of these keys.

is_ready
    Its program and its configuration are there, so that it can take a controller's step.
pending
    What the schema lacks, as ``openstack_ha_db_sync`` says it; None is unknown.
cells
    All cells but cell0, as ``{uuid, name, is_current}``, the last whether its name, database and
    brokers are what they should be; None where the database does not answer, or none is asked.
hosts
    Hosts that have registered, as ``{host, is_mapped, is_marked}``; ``is_marked`` is Nova's own
    note that it has been mapped once. None as for cells.
services
    Services that report, as ``{binary, host, is_forced_down, silent_for}``, the last the seconds
    since then by the database's clock. None as for cells.
units
    Of such services those whose unit is active on this node, ``{unit: {started, active_for}}``.
compute
    Of a compute node ``{is_running, is_mapped}``: whether its service runs, and whether it was told
    that its host is mapped; else None.
"""

import openstack_ha_db_sync
import openstack_ha_nova_cells
import openstack_ha_nova_progress
import openstack_ha_rule

SHAPE = {
    "is_ready": bool,
    "pending": (None, str),
    "cells": (None, [{"uuid": str, "name": (None, str), "is_current": bool}]),
    "hosts": (None, [{"host": str, "is_mapped": bool, "is_marked": bool}]),
    "services": (None, openstack_ha_nova_progress.SERVICES_SHAPE),
    "units": openstack_ha_nova_progress.UNITS_SHAPE,
    "compute": (None, {"is_running": bool, "is_mapped": bool}),
}
# Its steps, each the name of a function.
VERDICTS = (
    "create_cell",
    "update_cell",
    "discover_hosts",
    "forget_services",
    "confirm",
    "restart",
)

# Seconds between looks for a service that has just been started to register.
LOOK_AGAIN = 5
# Seconds after which a person hears of one that does not.
PATIENCE = 120

NAME = openstack_ha_nova_cells.NAME
RUNBOOK = "compute-nodes.md"
SEVERAL_CELLS = (RUNBOOK, "There are several cells")
NOT_REGISTERED = (RUNBOOK, "A compute node does not register")
STRANGER = (RUNBOOK, "A host is no compute node of the cluster file")


def decide(case):
    """
    Return what is to be done, as ``openstack_ha_rule`` describes it: the cell, then the hosts in
    it, then the nodes that are told of it; and of itself, what hangs. One that is silent or unclear
    holds nobody else up.
    """
    seen, knowing = _seen(case), _knowing(case)
    return [
        _about_cell_and_hosts(case, seen, knowing),
        openstack_ha_nova_progress.decide(case, seen, _services(seen, knowing)),
    ]


def remember(case, decision):
    """
    Return what is kept until the next look: since when somebody does not register, or what hangs.
    """
    if _is_of_progress(decision):
        seen = _seen(case)
        services = _services(seen, _knowing(case))
        return openstack_ha_nova_progress.remember(case, seen, services, decision)
    return {"waiting_since": _waiting_since(case)} if "is_near" in decision else {}


def listeners(case, decision):
    """Return those who wait for the cell, and those who wait until they are in it."""
    if _is_of_progress(decision):
        return []
    return [
        node
        for node, one in case["found"].items()
        if openstack_ha_rule.fits(one, SHAPE)
        and (
            (_has_role(case, node, "controller") and not _has_cell(one))
            or (one["compute"] is not None and not one["compute"]["is_mapped"])
        )
    ]


def again(case, decision, failures):
    """Return the seconds until the next look, None where only an event asks for one."""
    if failures is not None:
        return None if failures else 0
    return LOOK_AGAIN if decision.get("is_near") and not case["rivals"] else None


def _seen(case):
    """What nodes said, of those whose evidence is whole."""
    found = case["found"]
    return {
        node: found[node] for node in case["nodes"] if openstack_ha_rule.fits(found[node], SHAPE)
    }


def _knowing(case):
    """The controllers that know what is in the database; any one does, as it is theirs together."""
    return [
        node
        for node, said in _seen(case).items()
        if _has_role(case, node, "controller") and _knows(said)
    ]


def _knows(said):
    known = (said["pending"], said["cells"], said["hosts"], said["services"])
    return said["is_ready"] and None not in known


def _services(seen, knowing):
    """What the database has of them, None where nobody knows."""
    return seen[knowing[0]]["services"] if knowing else None


def _is_of_progress(decision):
    return openstack_ha_rule.subject(decision) == openstack_ha_nova_progress.SUBJECT


def _about_cell_and_hosts(case, seen, knowing):
    unclear = openstack_ha_rule.unclear(case["nodes"], case["found"], seen)
    if not knowing:
        return _nobody_knows(case, seen, unclear)
    node, hosts = knowing[0], seen[knowing[0]]["hosts"]
    return (
        _about_the_cell(node, seen[node])
        or _about_new_hosts(case, node, hosts)
        or _about_gone_services(case, node, seen[node]["services"])
        or _about_nodes(case, seen, {one["host"] for one in hosts}, unclear)
        or _about_pillars(seen, knowing)
        or _said("settled", [], f"{NAME} is there, with {len(hosts)} hosts")
    )


def _has_cell(said):
    return bool(said["cells"]) and any(one["is_current"] for one in said["cells"])


def _nobody_knows(case, seen, unclear):
    controllers = [node for node in case["nodes"] if _has_role(case, node, "controller")]
    old = [node for node in controllers if node in unclear]
    if old:
        why, way_out = openstack_ha_rule.less(old), openstack_ha_rule.sync(old[0])
        return _said("refuse", old, why, way_out)
    if any(seen[node]["is_ready"] for node in controllers if node in seen):
        why = "no controller that answers knows what is in the database"
    else:
        why = "no controller that answers is configured"
    return openstack_ha_rule.nobody(case, seen, controllers, why)


def _about_the_cell(node, said):
    """What the cell lacks, None when it is there and as it should be."""
    if said["pending"] not in openstack_ha_db_sync.HARMLESS:
        return _said("wait", [], f"{node} finds Nova's schema not there yet")
    cells = said["cells"]
    if not cells:
        # Everybody is asked once more: a second one would be a person's to remove.
        return {**_said("create_cell", [node], f"there is no {NAME}"), "is_final": True}
    own = [one for one in cells if one["name"] == NAME] if len(cells) > 1 else cells
    if len(own) != 1:
        uuids = " and ".join(one["uuid"] for one in cells)
        why = f"there are the cells {uuids}, of which {len(own)} are named {NAME}"
        return _refusal([node], why, SEVERAL_CELLS, f"salt {node} openstack_ha_nova.evidence")
    uuid = own[0]["uuid"]
    if own[0]["is_current"]:
        return None
    why = f"the cell {uuid} has another name, database or brokers than {NAME}"
    return {**_said("update_cell", [node], why), "arguments": {"cell": uuid}}


def _about_new_hosts(case, node, hosts):
    """
    Compute nodes that have registered and are in no cell; None where nobody is. Nova takes in all
    at once, a stranger too, who is refused then.
    """
    own = _compute_nodes(case)
    new = [one for one in hosts if one["host"] in own and not one["is_mapped"]]
    if not new:
        return None
    step = _said("discover_hosts", [node], f"{_hosts(new)} is in no cell")
    # Nova does not look again at one with its mark, whose mapping was taken away by hand.
    return {**step, "arguments": {"by_service": any(one["is_marked"] for one in new)}}


def _about_gone_services(case, node, services):
    """What Nova has noted of controllers that have left; None where there is nothing."""
    hosts = {one["hostname"] for one in case["cluster"]["nodes"].values()}
    gone = openstack_ha_nova_progress.gone(services, hosts)
    if not gone:
        return None
    why = f"{', '.join(gone)} is no host of the cluster, and its services do not report"
    return {**_said("forget_services", [node], why), "arguments": {"hosts": gone}}


def _about_nodes(case, seen, registered, unclear):
    """
    Who is told, waited for or in the way; None when nobody is. By now whoever has registered is in
    the cell.
    """
    own = _compute_nodes(case)
    said = {host: seen[node]["compute"] for host, node in own.items() if node in seen}
    said = {host: one for host, one in said.items() if one is not None}
    for is_mapped, lacks in ((True, "does not know that it is"), (False, "is not")):
        wrong = [
            own[host]
            for host, one in said.items()
            if (host in registered) is is_mapped and one["is_mapped"] is not is_mapped
        ]
        if wrong:
            step = _said("confirm", wrong, f"{', '.join(wrong)} {lacks} in {NAME}")
            return {**step, "arguments": {"is_mapped": is_mapped}}
    absent = [
        own[host] for host, one in said.items() if one["is_running"] and host not in registered
    ]
    if absent:
        return _not_registered(case, absent)
    if unclear:
        why, way_out = openstack_ha_rule.less(unclear), openstack_ha_rule.sync(unclear[0])
        return _said("refuse", unclear, why, way_out)
    strangers = sorted(registered - set(own))
    if strangers:
        why = f"{', '.join(strangers)} has registered, and is no compute node of the cluster file"
        command = f"salt-run openstack_ha.status {case['name']}"
        return _refusal([], why, STRANGER, command)
    return None


def _not_registered(case, absent):
    why = f"nova-compute of {', '.join(absent)} runs, and has not registered"
    if case["now"] - _waiting_since(case) < PATIENCE:
        return {**_said("wait", [], why), "is_near": True}
    command = f"salt {absent[0]} cmd.run 'journalctl -n 50 -u nova-compute'"
    why = f"{why}, for {PATIENCE} s and more"
    return {**_refusal(absent, why, NOT_REGISTERED, command), "is_near": False}


def _about_pillars(seen, knowing):
    """Who finds other brokers right than the first one does; None when nobody does."""
    others = [node for node in knowing if not _has_cell(seen[node])]
    if not others:
        return None
    why = f"{', '.join(others)} has another pillar than {knowing[0]}, by which the cell is right"
    way_out = f"`salt -L {','.join(knowing)} saltutil.refresh_pillar`"
    return _said("wait", [], why, way_out)


def _compute_nodes(case):
    """The compute nodes by the name that Nova has for them."""
    return {
        case["cluster"]["nodes"][node]["hostname"]: node
        for node in case["nodes"]
        if _has_role(case, node, "compute")
    }


def _has_role(case, node, role):
    return role in case["cluster"]["nodes"][node]["roles"]


def _waiting_since(case):
    before = case["records"].get("", {}).get("waiting_since")
    return openstack_ha_rule.begun(before, case["now"])


def _hosts(rows):
    return ", ".join(one["host"] for one in rows)


def _refusal(nodes, why, section, command):
    runbook, title = section
    return _said("refuse", nodes, why, f"docs/runbooks/{runbook}, '{title}': `{command}`")


def _said(verdict, nodes, why, way_out=None):
    return {"verdict": verdict, "nodes": list(nodes), "why": why, "way_out": way_out}
