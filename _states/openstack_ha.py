"""
States of what this node knows of its cluster.
"""

__virtualname__ = "openstack_ha"


def __virtual__():
    return __virtualname__


def view_known(name):
    """
    The minion answers the master by the cluster file that this run is made of.

    Salt gives a run the pillar of the moment, and leaves the minion with the one of its start: it
    would miss a disk that the run has just taken out as told. See
    https://docs.saltproject.io/en/latest/topics/pillar/#in-memory-pillar-data-vs-on-demand-pillar-data

    name
        The cluster's name.
    """
    # Nobody can ask what a minion's process has in memory; to read it again changes nothing else.
    if not __opts__["test"]:
        __salt__["saltutil.refresh_pillar"]()
    comment = "The minion answers by the present cluster file."
    return {"name": name, "result": True, "changes": {}, "comment": comment}
