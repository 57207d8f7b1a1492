"""
Give each minion its own view of the cluster file.

.. code-block:: yaml

    ext_pillar:
      - openstack_ha: /srv/openstack_ha/cluster.yaml

A cluster file with a fault gives its nodes the list of faults in ``_errors``, so Salt refuses each
state run before it changes anything. Beside them stands the view of what the file said last without
a fault, so that nodes go on answering their master.
"""

from salt.exceptions import CommandExecutionError


def __virtual__():
    return "openstack_ha"


def ext_pillar(minion_id, pillar, cluster_file):
    """
    Return the minion's view under the key ``openstack_ha``; nothing for a stranger.

    minion_id
        The authenticated id of the minion.

    pillar
        The pillar so far, which has a view already where another cluster file names the minion.

    cluster_file
        Path of the cluster file on the master.
    """
    try:
        current = __salt__["openstack_ha_cluster.current"](cluster_file)
    except CommandExecutionError as exc:
        return {"_errors": str(exc).splitlines()}
    cluster, broken = current["cluster"], current["broken"]
    view = __utils__["openstack_ha_cluster.view"](cluster, minion_id)
    if not view:
        return {}
    other = pillar.get("openstack_ha")
    if isinstance(other, dict) and other.get("view_of") == minion_id:
        line = f"{minion_id} is a node of {other['name']} too; a node is of one cluster"
        return {"_errors": [f"openstack_ha:nodes:{minion_id}: {line} ({cluster_file})"]}
    if "keystone" in __utils__["openstack_ha_cluster.systems"](cluster, minion_id):
        try:
            keyring = __salt__["openstack_ha_fernet.keyring"](cluster["name"])
        except CommandExecutionError as exc:
            return {"_errors": [str(exc)]}
        if keyring:
            # Beside what the cluster file says, which is what is handed out.
            keys = {f"{name}_keys": keyring[name] for name in ("fernet", "credential")}
            own = {**view["secrets"].get("keystone", {}), **keys}
            view["secrets"] = {**view["secrets"], "keystone": own}
    view["version"] = __salt__["openstack_ha_applied.hand_out"](cluster)
    return {"openstack_ha": view, **({"_errors": broken["faults"]} if broken else {})}
