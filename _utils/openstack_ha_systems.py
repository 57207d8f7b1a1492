"""
The systems that the formula knows, and the tables that follow from what each says of itself.

A system is described in one file, ``openstack_ha_<system>_system``, as a mapping::

    parts        its parts by name, each a step of a highstate and of a rejoin: ``roles`` whose
                 nodes have it, ``reads`` (sections of other systems' options), ``secrets`` (paths
                 below ``secrets`` that it reads), whether it ``asks_vip`` while it comes up, and
                 what ``openstack_ha_units`` does not find by its name: ``units``, pairs of a path
                 in the release's names and a suffix, and ``programs``, Swift's role
    options      its section of the cluster file, as a JSON schema (``openstack_ha_option_types``)
    node         what is said of it at each node, as JSON schemas by key
    secrets      its secrets, as JSON schemas by key
    coordinated  the parts whose nodes the master asks about it, where the master looks after it
    schema       of its databases, as ``openstack_ha_db_sync`` uses it; ``part`` is the one whose
                 nodes bring it there, where none has the system's own name
    messages     RabbitMQ's user by which its parts send and are sent messages, with all rights on
                 the vhost ``/``
    catalog      its services in Keystone's catalog by part, as ``openstack_ha_identity`` uses them
    vip          its rows on the VIP, as ``openstack_ha_haproxy.listeners`` explains them
    turns        parts that are renewed one node at a time: ``unit``, which a part with ``programs``
                 leaves out, since its states list them; ``patience``, the seconds for what it has
                 begun to end, 0 where it need not; ``row`` on the VIP, by which HAProxy sees
                 whether it serves, else ``openstack_ha_turn`` asks its own module; whether it
                 ``reloads`` without ending anything; ``settles``, the seconds for which clients may
                 still keep away from one that is back. Of what is on each node and nowhere else,
                 ``zones`` is the key of a node that has its region and zone: whoever is silent is
                 missed, and a zone goes after the other. Of what each node does for itself alone,
                 without a row and without patience, the ``share`` of its nodes, as a percentage,
                 that may be without it at once (one node always may)

What a system has not is left out.
"""

import importlib

# In the order of their rows on the VIP and in Keystone's catalog.
NAMES = (
    "galera",
    "rabbitmq",
    "memcached",
    "keystone",
    "glance",
    "placement",
    "nova",
    "nova_network",
    "swift",
    "horizon",
    "health",
    "haproxy",
    "keepalived",
)
SYSTEMS = {name: importlib.import_module(f"openstack_ha_{name}_system").SYSTEM for name in NAMES}


def parts():
    """
    Return the parts of all systems by name, in the order in which they come up.

    A node serves before HAProxy sends work to it, and HAProxy serves before the node may hold the
    VIP; what asks through the VIP comes after that.
    """
    found = {name: part for one in SYSTEMS.values() for name, part in one["parts"].items()}
    return dict(sorted(found.items(), key=lambda one: one[1].get("asks_vip", False)))


def coordinated():
    """
    Return what the master looks after, with the parts whose nodes it asks about that.
    """
    own = {name: set(one["coordinated"]) for name, one in SYSTEMS.items() if "coordinated" in one}
    # A schema is made before the service that waits for it can have keys, say.
    before = ("galera", "rabbitmq")
    return {
        **{name: own[name] for name in before},
        "db_sync": {one["part"] for one in schemas().values()},
        **{name: nodes for name, nodes in own.items() if name not in before},
        # Beside Nova's cell, since these come and go while that one rests.
        "nova_builds": {"nova.api"},
        "turn": set(turns()),
    }


def options():
    """
    Return the schemas of the systems' sections of the cluster file, by system.
    """
    return {name: one["options"] for name, one in SYSTEMS.items()}


def node_options():
    """
    Return the schemas of what is said of systems at each node, by key.
    """
    return {key: schema for one in SYSTEMS.values() for key, schema in one.get("node", {}).items()}


def secrets():
    """
    Return the schemas of the systems' secrets, by system.
    """
    return {name: one["secrets"] for name, one in SYSTEMS.items() if "secrets" in one}


def reads():
    """
    Return the sections of other systems' options that a part reads, by part. HAProxy asks where
    its servers listen.
    """
    found = {name: part["reads"] for name, part in parts().items() if "reads" in part}
    behind = {name for name, one in SYSTEMS.items() if "vip" in one}
    return {**found, "haproxy": behind}


def readers():
    """
    Return the parts that read secrets, by their path below ``secrets``, the shorter paths first.
    """
    found = {}
    for name, part in parts().items():
        for path in part.get("secrets", ()):
            found.setdefault(path, set()).add(name)
    return dict(sorted(found.items(), key=lambda one: (len(one[0]), one[0])))


def schemas():
    """
    Return the schemas by the system whose they are.
    """
    return {
        name: {"part": name, **one["schema"]} for name, one in SYSTEMS.items() if "schema" in one
    }


def messages():
    """
    Return RabbitMQ's users by the part that sends and is sent messages.
    """
    return {
        part: one["messages"]
        for one in SYSTEMS.values()
        if "messages" in one
        for part in one["parts"]
    }


def catalog():
    """
    Return the services of Keystone's catalog by the part that serves them.
    """
    return {part: row for one in SYSTEMS.values() for part, row in one.get("catalog", {}).items()}


def turns():
    """
    Return what is renewed one node at a time, by part.
    """
    return {part: facts for one in SYSTEMS.values() for part, facts in one.get("turns", {}).items()}


def vip_rows():
    """
    Return the rows of what HAProxy serves on the VIP.
    """
    return [row for one in SYSTEMS.values() for row in one.get("vip", ())]
