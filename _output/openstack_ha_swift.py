"""
Show what ``salt-run openstack_ha_swift.status`` found: a line for each ring, and for each node.

With ``--out=json`` and the like Salt takes that outputter instead, and shows the plain data.
"""

__virtualname__ = "openstack_ha_swift"

RINGS = ("ring", "version", "md5", "balance", "dispersion", "rebalanced", "lacking")
NODES = ("node", "rings", "disks", "fullest", "errors", "last replication")
# As much of a digest as tells two rings apart.
MD5_LENGTH = 8
UNKNOWN = "?"


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the tables.

    data
        What ``openstack_ha_swift.status`` returns.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_swift.status demo
    """
    rings, nodes, ages = data["rings"], data["nodes"], data["ages"]
    paragraphs = [
        [f"{data['name']}: its rings are {data['verdict']}, {data['owner']} builds them"],
        [[RINGS, *(_ring(name, one, ages[name]) for name, one in rings.items())]],
        [
            [
                NODES,
                *(_node(name, one, len(rings), ages.get(name, "")) for name, one in nodes.items()),
            ]
        ],
    ]
    if data["decision"]:
        paragraphs.append([f"decision: {data['decision']['verdict']}, {data['decision']['why']}"])
    if data["faults"]:
        paragraphs.append(["faults:", *(f"  - {one}" for one in data["faults"])])
    return "\n\n".join(__salt__["openstack_ha_lines"](one) for one in paragraphs)


def _ring(name, one, rebalanced):
    version, balance, dispersion = (
        str(one.get(key, UNKNOWN)) for key in ("version", "balance", "dispersion")
    )
    md5 = (one["md5"] or UNKNOWN)[:MD5_LENGTH]
    known = rebalanced if "version" in one else UNKNOWN
    return (name, version, md5, balance, dispersion, known, ", ".join(one["lacking"]) or "nobody")


def _node(name, said, count, replicated):
    if not isinstance(said, dict):
        return (name, "no answer" if said is None else "error", "", "", "", "")
    served = f"{len(said['served'])}/{count}"
    if not said["used"] and not said["unmounted"]:
        return (name, served, "", "", "", "")
    mounted = f"{len(said['used'])}/{len(said['used']) + len(said['unmounted'])}"
    full = f"{max(said['used'].values(), default=0)} %"
    return (name, served, mounted, full, str(sum(said["errors"].values())), replicated)
