"""
The node's own view of the cluster: what SLS files, templates and the other modules read.
"""

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha"


def __virtual__():
    return __virtualname__


def view():
    """
    Return the node's view of the cluster, without secrets.

    Returns the cluster file's shape with defaults, with paths in place of options that are secrets
    (``openstack_ha_secret_options``), and ``self`` (the node with its id, interface
    and VRRP priority) and ``controllers`` (list of id, hostname, address).

    Raises CommandExecutionError when the pillar has no such cluster, or has faults.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha.view
    """
    cluster = __utils__["openstack_ha_secret_options.referred"](_cluster())
    cluster.pop("secrets", None)
    own = dict(cluster["nodes"][__opts__["id"]], id=__opts__["id"])
    if "interface" not in own:
        own["interface"] = _interface_of(own["address"])
    priorities = __utils__["openstack_ha_cluster.vrrp_priorities"](cluster)
    if own["id"] in priorities:
        own["vrrp_priority"] = priorities[own["id"]]
    cluster["self"] = own
    cluster["vip"] = {"interface": own["interface"], **cluster["vip"]}
    cluster["controllers"] = __utils__["openstack_ha_cluster.controllers"](cluster)
    return cluster


def includes():
    """
    Return the SLS files that the node's roles ask for, in order.

    Raises CommandExecutionError as ``view`` does.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha.includes
    """
    systems = __utils__["openstack_ha_cluster.systems"](_cluster(), __opts__["id"])
    names = ["guard", "view", "minion", "python", "hosts", "authority", *systems, "deployed"]
    return [f"openstack_ha.{name}" for name in names]


def node_status():
    """
    Return everything that tells whether this node serves, in one job.

    Returns of a controller ``{"holds_vip": bool, "galera": {..}, "rabbitmq": {..}, "haproxy": {..},
    "certificates": {..}, "nova": {..}}``: the status of ``openstack_ha_galera``,
    ``openstack_ha_rabbitmq`` and ``openstack_ha_nova_status``, HAProxy's servers as ``{back end:
    {server: whether it serves}}``, and until when its certificates are good; and of a compute node
    ``{"networks": {..}}``, as ``openstack_ha_nova_network.node_status`` has them, of a node of
    Swift's ``{"swift": {..}}``, as ``openstack_ha_swift.node_status``, and of each node ``{"units":
    {..}, "rejoin": {..}}``, as ``openstack_ha_units.states`` and ``openstack_ha_rejoin.status``. In
    place of a probe that failed stands the text of its error.

    Raises CommandExecutionError as ``view`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha.node_status
    """
    cluster = _cluster()
    systems = __utils__["openstack_ha_cluster.systems"](cluster, __opts__["id"])
    probes = {
        "units": __salt__["openstack_ha_units.states"],
        "rejoin": __salt__["openstack_ha_rejoin.status"],
    }
    if "controller" in cluster["nodes"][__opts__["id"]]["roles"]:
        probes |= {
            "holds_vip": holds_vip,
            "galera": _galera,
            "rabbitmq": _rabbitmq,
            "haproxy": _haproxy,
            "certificates": __salt__["openstack_ha_haproxy.certificate_ends"],
            "nova": __salt__["openstack_ha_nova_status.status"],
        }
    if any(system.startswith("swift.") for system in systems):
        probes["swift"] = __salt__["openstack_ha_swift.node_status"]
    if "nova_network" in systems:
        probes["networks"] = __salt__["openstack_ha_nova_network.node_status"]
    return {name: _answer_or_error(probe) for name, probe in probes.items()}


def evidence():
    """
    Return what the master decides by of everything that it looks after on this node, in one job.

    Returns what ``openstack_ha_<system>.evidence`` returns by system, and in ``guards`` the paths
    of the values that this node remembers. In place of one that failed stands the text of its
    error.

    Raises CommandExecutionError as ``view`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha.evidence
    """
    systems = __utils__["openstack_ha_cluster.looked_after"](_cluster(), __opts__["id"])
    with __salt__["openstack_ha_db_sync.one_look"]():
        found = {
            name: _answer_or_error(__salt__[f"openstack_ha_{name}.evidence"]) for name in systems
        }
    return {**found, "guards": _answer_or_error(_guards)}


def holds_vip():
    """
    Return whether an interface of this node has the VIP.

    Raises CommandExecutionError when the node shows no interface.

    CLI Example:

    .. code-block:: bash

        salt 'ctl*' openstack_ha.holds_vip
    """
    return bool(_interfaces_with(_cluster()["vip"]["address"]))


def secret(path, **kwargs):
    """
    Return one secret of the node's view, for templates and modules only.

    path
        The keys below ``openstack_ha:secrets``, joined by colons.

    Raises CommandExecutionError when the node's pillar does not have it, and when it is called as
    a job: a job's return goes through events and caches.

    CLI Example:

    .. code-block:: jinja

        {{ salt["openstack_ha.secret"]("haproxy:stats") }}
    """
    if "__pub_fun" in kwargs:
        raise CommandExecutionError("openstack_ha.secret serves templates and modules, not jobs")
    value = __utils__["openstack_ha_secrets.found"](_cluster().get("secrets", {}), path)
    if value is None:
        raise CommandExecutionError(
            f"the pillar key openstack_ha:secrets:{path} is missing on {__opts__['id']}; "
            "`salt-run openstack_ha.secrets` makes one for the cluster file"
        )
    return value


def _cluster():
    """The pillar's view as the master made it, or one made here of a plain pillar."""
    # __pillar__, since pillar.get masks its values in custom modules on Salt 3008:
    # https://github.com/saltstack/salt/issues/69599
    cluster, minion_id = __pillar__.get("openstack_ha"), __opts__["id"]
    if not isinstance(cluster, dict) or not cluster:
        raise CommandExecutionError(
            f"the pillar of {minion_id} has no key openstack_ha: the minion's id is not among the "
            "cluster file's nodes, or the master does not list openstack_ha in ext_pillar "
            "(`salt-run openstack_ha.check` tells)"
        )
    if cluster.get("view_of") == minion_id:
        return cluster
    return _view_of_plain_pillar(cluster, minion_id)


def _view_of_plain_pillar(cluster, minion_id):
    try:
        faults = __utils__["openstack_ha_cluster.faults"](cluster, minion_id)
        if faults:
            raise CommandExecutionError("\n".join(faults))
        complete = __utils__["openstack_ha_cluster.complete"](cluster)
    except ImportError as exc:
        raise CommandExecutionError(
            f"the pillar cannot be checked: {exc}; `salt-call state.apply openstack_ha.python` "
            "installs what Salt's Python lacks"
        ) from exc
    seen = __utils__["openstack_ha_cluster.view"](complete, minion_id)
    if not seen:
        raise CommandExecutionError(
            f"the minion id {minion_id} is not among openstack_ha:nodes of its pillar"
        )
    return seen


def _answer_or_error(probe):
    """One probe's failure, whatever it is, must not hide what the others tell."""
    try:
        return probe()
    except CommandExecutionError as exc:
        return str(exc)
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"


def _guards():
    return sorted(__salt__["openstack_ha_guard.memory"]())


def _galera():
    return __salt__["openstack_ha_galera.status"]()


def _rabbitmq():
    return __salt__["openstack_ha_rabbitmq.status"]()


def _haproxy():
    proxies = {}
    for row in __salt__["openstack_ha_haproxy.status"]():
        if row["kind"] == "backend":
            proxies.setdefault(row["proxy"], {})
        elif row["kind"] == "server":
            proxies.setdefault(row["proxy"], {})[row["name"]] = row["serving"]
    return proxies


def _interfaces_with(address):
    """The interfaces that carry the address."""
    interfaces = __salt__["network.interfaces"]()
    if not interfaces:
        raise CommandExecutionError(f"{__opts__['id']} shows no network interface; `ip address`")
    return [
        name
        for name, facts in interfaces.items()
        for kind in ("inet", "inet6", "secondary")
        for entry in facts.get(kind, [])
        if entry.get("address") == address
    ]


def _interface_of(address):
    """The interface that carries the address."""
    for name in _interfaces_with(address):
        return name
    raise CommandExecutionError(
        f"no interface of {__opts__['id']} has the address {address}; configure it, or correct "
        f"openstack_ha:nodes:{__opts__['id']}:address"
    )
