"""
Show what ``salt-run openstack_ha.check`` found, a paragraph for each cluster file.

With ``--out=json`` and the like Salt takes that outputter instead, and shows the plain data.
"""

__virtualname__ = "openstack_ha_check"

# Names of nodes with one role; of hundreds the first ones and their number.
NAMED = 8


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the paragraphs.

    data
        What ``openstack_ha.check`` returns.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.check
    """
    return "\n\n".join(_file(path, one) for path, one in data["files"].items())


def _file(path, one):
    if one["faults"]:
        count = len(one["faults"])
        head = f"{path}: {count} fault{'s' if count > 1 else ''}; no state run changes anything"
        return "\n".join([head, _shown(_listed(one["faults"]))])
    lines = list(_understood(one["understood"]))
    if one["warnings"]:
        lines += ["  warnings, which refuse nothing:", *_listed(one["warnings"])]
    return "\n".join([f"{path}: ok", _shown(lines)])


def _shown(lines):
    return __salt__["openstack_ha_lines"](lines)


def _understood(said):
    vip, network = said["vip"], said["network"]
    http = "TLS" if said["tls"] else "plain HTTP"
    yield f"  cluster {said['name']}, VIP {vip['address']} ({vip['fqdn']}, {http})"
    machines = network.get("provider", "none, so no virtual machines")
    yield f"  network {network['management']}, machines' networks by {machines}"
    for role, nodes in said["nodes"].items():
        yield f"  {role}: {_names(nodes)}"
    if said["devices"]:
        yield f"  disks for Swift: {said['devices']}"
    yield f"  systems: {', '.join(said['systems'])}"


def _names(nodes):
    shown = ", ".join(nodes[:NAMED])
    return shown if len(nodes) <= NAMED else f"{shown} and {len(nodes) - NAMED} more"


def _listed(lines):
    return [f"  - {line}" for line in lines]
