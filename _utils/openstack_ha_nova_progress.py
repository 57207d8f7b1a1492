"""
A watchdog of progress: a service of Nova's whose unit is active, and which has not reported for
long, is restarted once.

These services report every ten seconds, from the one thread that does their work: one that hangs
is silent, and its unit is active all the same. The API and the console proxy do not report; HAProxy
looks at them.

What is kept is mappings by ``<node> <unit>``: ``stalled``, since when it is known that the service
is silent, and ``restarted``, the start of which it was in vain; both go when it reports again. That
of a node which says nothing is kept as it is.
"""

import openstack_ha_rule

# What the decision is about, beside the cell.
SUBJECT = "progress"
# By part the unit, which has the name that Nova has for the service.
UNITS = {
    "nova.conductor": "nova-conductor",
    "nova.scheduler": "nova-scheduler",
    "nova.compute": "nova-compute",
    "nova_network": "nova-network",
}
OF_CONTROLLERS = ("nova.conductor", "nova.scheduler")
# They report to a conductor, through the brokers; the others write into the database themselves.
BY_MESSAGE = ("nova-compute", "nova-network")
UNITS_SHAPE = {str: {"started": int, "active_for": int}}
SERVICES_SHAPE = [{"binary": str, "host": str, "is_forced_down": bool, "silent_for": int}]

# Seconds without a report after which Nova takes a service for dead (service_down_time).
REPORTS_WITHIN = 60
# Seconds of silence that no service at work has.
STALLED = 300
# Seconds to catch up, and to report after a restart: a report that was lost is given up after 60
# (rpc_response_timeout), and then comes the next one.
PATIENCE = 120

RUNBOOK = "docs/runbooks/compute-nodes.md"
STAYS_SILENT = "A service of Nova stays silent"


def units(systems):
    """
    Return the units of a node whose services report.

    systems
        Names of its systems.
    """
    return [unit for part, unit in UNITS.items() if part in systems]


def of_controllers():
    """
    Return the names that Nova has for services of a controller that report; one of a release that
    had more is among them.
    """
    return [*(unit for part, unit in UNITS.items() if part in OF_CONTROLLERS), "nova-consoleauth"]


def reports_within():
    """
    Return the seconds without a report after which Nova takes a service for dead.
    """
    return REPORTS_WITHIN


def gone(services, hosts):
    """
    Return the hosts of controllers' services that are none of the cluster's and do not report: who
    has left is noted by Nova for good.

    services
        As in the evidence of ``openstack_ha_nova_rule``.

    hosts
        The names of all hosts of the cluster.
    """
    own = of_controllers()
    return sorted(
        {
            one["host"]
            for one in services
            if one["binary"] in own
            and one["host"] not in hosts
            and one["silent_for"] > REPORTS_WITHIN
        }
    )


def has_reported(silent_for):
    """
    Return whether a service is alive, as Nova counts: a report from the future is as wrong as one
    of long ago.

    silent_for
        Seconds since its last report.
    """
    return abs(silent_for) <= REPORTS_WITHIN


def active(text, now):
    """
    Return the units that are active, ``{unit: {"started", "active_for"}}``: when it was started, in
    microseconds since the boot, and for how many seconds it has been active.

    text
        Of ``systemctl show --property=Id,ActiveState,ActiveEnterTimestampMonotonic``.

    now
        Seconds since the boot, of the same clock.
    """
    found = {}
    for block in text.strip().split("\n\n"):
        said = dict(line.partition("=")[::2] for line in block.splitlines())
        if said.get("ActiveState") == "active":
            started = int(said["ActiveEnterTimestampMonotonic"])
            one = {"started": started, "active_for": int(now - started / 10**6)}
            found[said["Id"].removesuffix(".service")] = one
    return found


def decide(case, seen, services):
    """
    Return what is to be done about services that are silent, as ``openstack_ha_rule`` describes it.

    case
        The case.

    seen
        Evidence by node, of those whose evidence is whole.

    services
        What a controller's database has of them; None is unknown.
    """
    if services is None:
        return _said("wait", [], "no controller that answers knows which services report")
    known = _known(case, seen, services)
    restarted = [one for one in known.values() if one["is_restarted"]]
    recent = [one for one in restarted if one["active_for"] < PATIENCE]
    if recent:
        return _said("wait", [], f"{_names(recent)} was restarted, and has not reported yet")
    stalled = [one for one in known.values() if one["is_stalled"]]
    due = [one for one in stalled if case["now"] - one["since"] >= PATIENCE]
    if due:
        first = due[0]
        step = _said("restart", [first["node"]], f"{_names([first])} {_silence(STALLED)}")
        return {**step, "arguments": {key: first[key] for key in ("unit", "started")}}
    lost = [one for one in restarted if one["is_its_own"]]
    if lost:
        why = f"{_names(lost)} was restarted, and {_silence(PATIENCE)}"
        command = f"salt {lost[0]['node']} cmd.run 'journalctl -n 50 -u {lost[0]['unit']}'"
        nodes = list(dict.fromkeys(one["node"] for one in lost))
        return _said("refuse", nodes, why, f"{RUNBOOK}, '{STAYS_SILENT}': `{command}`")
    if stalled:
        why = f"{_names(stalled)} {_silence(STALLED)}; it is restarted when it does not catch up"
        return _said("wait", [], why)
    return _said("settled", [], "every service of Nova that runs reports")


def remember(case, seen, services, decision):
    """
    Return what is kept until the next look.

    case, seen, services
        As for ``decide``.

    decision
        What was decided.
    """
    known = {} if services is None else _known(case, seen, services)
    kept = {
        "stalled": {name: one["since"] for name, one in known.items() if one["is_stalled"]},
        "restarted": {name: one["before"] for name, one in known.items() if one["is_restarted"]},
    }
    for what, found in kept.items():
        for name, value in _record(case, what).items():
            node = name.partition(" ")[0]
            if node in case["nodes"] and (services is None or node not in seen):
                found[name] = value
    if decision["verdict"] == "restart":
        (node,), step = decision["nodes"], decision["arguments"]
        kept["restarted"][f"{node} {step['unit']}"] = step["started"]
    return kept


def _known(case, seen, services):
    """
    The services that are active and that nobody has forced down, by their name in the records. Who
    writes into the database comes first: the others report to a conductor.
    """
    nodes = {case["cluster"]["nodes"][node]["hostname"]: node for node in seen}
    found = {}
    for service in sorted(services, key=lambda one: one["binary"] in BY_MESSAGE):
        node, unit = nodes.get(service["host"]), service["binary"]
        if node and unit in seen[node]["units"] and not service["is_forced_down"]:
            one = {"node": node, "unit": unit, **service, **seen[node]["units"][unit]}
            one["is_its_own"] = _do_others_report(service, services)
            found[f"{node} {unit}"] = {**one, **_judged(case, f"{node} {unit}", one)}
    return found


def _judged(case, name, one):
    before = _record(case, "restarted").get(name)
    silent_for, active_for = one["silent_for"], one["active_for"]
    # By another start than the one that hung, and without a report since. One whose restart failed
    # has the same start, and is stalled still.
    is_restarted = before not in (None, one["started"]) and silent_for > active_for
    is_stalled = one["is_its_own"] and min(silent_for, active_for) > STALLED
    return {
        "before": before,
        "since": openstack_ha_rule.begun(_record(case, "stalled").get(name), case["now"]),
        "is_restarted": is_restarted,
        "is_stalled": is_stalled and not is_restarted,
    }


def _do_others_report(service, services):
    """Whether another one has reported by the same way, so that the way is not the cause."""
    others = [one for one in services if one is not service]
    if service["binary"] in BY_MESSAGE:
        others = [one for one in others if one["binary"] in BY_MESSAGE]
    return any(has_reported(one["silent_for"]) for one in others)


def _record(case, what):
    return case["records"].get(SUBJECT, {}).get(what, {})


def _names(some):
    return ", ".join(f"{one['unit']} of {one['host']}" for one in some)


def _silence(seconds):
    return f"is active and has not reported for {seconds} s and more"


def _said(verdict, nodes, why, way_out=None):
    return {
        "verdict": verdict,
        "nodes": nodes,
        "why": why,
        "way_out": way_out,
        "subject": SUBJECT,
    }
