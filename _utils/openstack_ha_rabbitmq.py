"""
RabbitMQ as data: queue types, password hashes, the cluster's status, differences of definitions.

Pure functions: no I/O, nothing of Salt.
"""

import base64
import hashlib
import hmac
import json
import re

HASHING = "rabbit_password_hashing_sha256"

MIRRORED_POLICY = "openstack_ha_mirrored"
MIRRORED_PRIORITY = 0
# What it leaves alone, and the patterns that can be seen to match nothing else.
MIRRORED_PATTERN = r"^(?!(amq\.|reply_|.*_fanout_)).+"
_BESIDE_MIRRORED = re.compile(
    r"(\^(amq\\\.|reply_)|\^?(\.[*+])?_fanout_)(?![?*{])[^|]*",
)

# Who HAProxy's health checks are: may log in and look, may touch no queue.
HEALTH_USER = "health"
HEALTH = {
    "tags": ["monitoring"],
    "vhosts": {"/": {"configure": "^$", "write": "^$", "read": "^$"}},
}

# What the formula's own services may: all that there is on the vhost where they meet.
SERVICE = {"vhosts": {"/": {"configure": ".*", "write": ".*", "read": ".*"}}}

# The user that a blank broker makes for everybody on the same host.
UNWANTED_USERS = ("guest",)

# The first release of each name's quorum support, as oslo.messaging's history tells:
# rabbit_quorum_queue came with 12.13.0 (Yoga); replies and fanouts, which are most of the queues,
# could not be quorum queues before rabbit_transient_quorum_queue in 14.7.0 (Caracal, 2024.1).
# https://docs.openstack.org/releasenotes/oslo.messaging/2024.1.html
_RELEASES = (
    "xena", "yoga", "zed", "antelope", "bobcat", "caracal", "dalmatian", "epoxy", "flamingo",
)  # fmt: skip
_QUORUM_SINCE = _RELEASES.index("yoga")
_QUORUM_FOR_ALL_QUEUES_SINCE = _RELEASES.index("caracal")

# Classic mirroring left the broker: its policies have no effect any more, and the queues would be
# single copies without a word. https://www.rabbitmq.com/docs/3.13/ha
_MIRRORING_GONE_WITH = 4

_SECTIONS = ("vhosts", "users", "permissions", "policies")


def broker(controller):
    """
    Return the full name of a controller's broker.

    controller
        One of a view's controllers.
    """
    return f"rabbit@{controller['hostname']}"


def queue_type(wanted, version, release):
    """
    Return ``mirrored`` or ``quorum``: how queues survive the loss of a node.

    wanted
        ``auto``, ``mirrored`` or ``quorum``.

    version
        The broker's version or series as text, e.g. 3.10.8.

    release
        The OpenStack release's name, e.g. zed.

    ``auto`` takes quorum queues as soon as a release can use them for all of its queues, or the
    broker has nothing else; before, mirroring.

    Raises ValueError with a way out when broker and release have no such type in common.
    """
    mirroring = int(version.split(".")[0]) < _MIRRORING_GONE_WITH
    age = _age(release)
    if wanted == "auto":
        wanted = "mirrored" if mirroring and age < _QUORUM_FOR_ALL_QUEUES_SINCE else "quorum"
    if wanted == "mirrored" and not mirroring:
        raise ValueError(
            f"RabbitMQ {version} mirrors no classic queues any more; set openstack_ha:rabbitmq:"
            "queues to quorum (or auto)"
        )
    if wanted == "quorum" and age < _QUORUM_SINCE:
        raise ValueError(
            f"OpenStack {release} declares no quorum queues (yoga is the first); set "
            "openstack_ha:rabbitmq:queues to mirrored, on a RabbitMQ below 4"
        )
    return wanted


def hash_password(password, salt):
    """
    Return RabbitMQ's hash of a password.

    password
        The password.

    salt
        Four random bytes.

    https://www.rabbitmq.com/docs/passwords#computing-password-hash
    """
    return base64.b64encode(salt + _digest(password, salt)).decode()


def password_matches(password, hashed):
    """
    Return whether RabbitMQ's hash is that of the password.

    password
        The password.

    hashed
        What ``export_definitions`` gives as password_hash; anything else matches nothing.
    """
    try:
        raw = base64.b64decode(hashed or "", validate=True)
    except ValueError:
        return False
    return hmac.compare_digest(raw[4:], _digest(password, raw[:4]))


def mirrored_policy(vhost, controllers):
    """
    Return the policy that mirrors OpenStack's queues.

    vhost
        The virtual host it is for.

    controllers
        How many brokers the cluster has.

    A majority of copies is enough: when a majority of brokers is lost, the rest pauses anyway.
    Replies and fanouts stay single: they die with their clients' process, and mirroring them cost
    others their clusters (Fuel's "disable mirroring for RPC"; kolla-ansible took it back too).
    """
    return {
        "vhost": vhost,
        "name": MIRRORED_POLICY,
        "pattern": MIRRORED_PATTERN,
        "apply-to": "queues",
        "priority": MIRRORED_PRIORITY,
        "definition": {
            "ha-mode": "exactly",
            "ha-params": controllers // 2 + 1,
            # A copy made after a loss gets the messages that are there already; else the next
            # loss takes them along. RPC queues are short, so this does not block for long.
            "ha-sync-mode": "automatic",
            # A clean stop moves the queue as a crash does, rather than leave it without a leader.
            "ha-promote-on-shutdown": "always",
        },
    }


def is_beside_mirrored(pattern):
    """
    Return whether a policy's pattern can be seen to match no queue that the formula mirrors.

    pattern
        A regular expression of queues' names.
    """
    return bool(_BESIDE_MIRRORED.fullmatch(pattern))


def desired_definitions(options, controllers, queues, services=()):
    """
    Return what the pillar asks for, in the shape of RabbitMQ's definitions, without passwords.

    options
        The view's ``rabbitmq`` mapping.

    controllers
        How many brokers the cluster has.

    queues
        ``mirrored`` or ``quorum``, by ``queue_type``.

    services
        The users of the formula's own services, by ``openstack_ha_messaging.users``.

    Returns ``{"vhosts": [..], "users": [..], "permissions": [..], "policies": [..]}``.
    """
    users = {HEALTH_USER: HEALTH, **dict.fromkeys(services, SERVICE), **options["users"]}
    policies = [_policy(name, policy) for name, policy in options["policies"].items()]
    if queues == "mirrored":
        policies += [mirrored_policy(vhost, controllers) for vhost in options["vhosts"]]
    return {
        "vhosts": [{"name": name} for name in options["vhosts"]],
        "users": [
            {"name": name, "tags": sorted(user.get("tags", []))} for name, user in users.items()
        ],
        "permissions": [
            {"user": name, "vhost": vhost, **rights}
            for name, user in users.items()
            for vhost, rights in user.get("vhosts", {}).items()
        ],
        "policies": policies,
    }


def definitions_diff(current, desired, passwords):
    """
    Return the difference between a broker's definitions and the pillar's.

    current
        The broker's definitions (``export_definitions``); ``{}`` for a host without a broker.

    desired
        By ``desired_definitions``.

    passwords
        User name -> password of every desired user.

    Returns ``{"set": definitions to import, "delete": {"users": [name], "policies": [{"vhost": ..,
    "name": ..}]}, "changes": {thing: {"old": .., "new": ..}}}``, all empty when nothing differs.
    Users in ``set`` lack their hashes, and ``changes`` names a changed password without showing it,
    so neither holds a secret. Things that the pillar does not name stay as they are.
    """
    ours = {section: _by_key(section, desired[section]) for section in _SECTIONS}
    theirs = {section: _by_key(section, current.get(section, [])) for section in _SECTIONS}
    found = {"set": {}, "delete": {"users": [], "policies": []}, "changes": {}}
    for section in _SECTIONS:
        for key, new in ours[section].items():
            old = theirs[section].get(key)
            before, after = _shown(section, old, passwords), _shown(section, new, passwords)
            if before != after:
                found["set"].setdefault(section, []).append(new)
                found["changes"][_label(section, key)] = {"old": before, "new": after}
    for section, key in _unwanted(theirs, ours):
        found["delete"][section].append(_name(section, key))
        found["changes"][_label(section, key)] = {
            "old": _shown(section, theirs[section][key], passwords),
            "new": None,
        }
    return found


def with_hashes(definitions, passwords, salts):
    """
    Return definitions that can be imported: each user with its password's hash.

    definitions
        ``set`` of ``definitions_diff``.

    passwords
        User name -> password.

    salts
        User name -> four random bytes.
    """
    users = [
        {
            "name": user["name"],
            "tags": user["tags"],
            "password_hash": hash_password(passwords[user["name"]], salts[user["name"]]),
            "hashing_algorithm": HASHING,
        }
        for user in definitions.get("users", [])
    ]
    return {**definitions, **({"users": users} if users else {})}


def parse_status(found, node):
    """
    Return the cluster's status as one of its brokers sees it.

    found
        What its Erlang machine answers: the content of ``rabbitmqctl cluster_status``.

    node
        The broker that was asked, e.g. rabbit@ctl1.

    Returns ``{"node": .., "is_running": bool, "cluster_name": .., "version": .., "versions": {node:
    version}, "erlang_versions": {node: version}, "disk_nodes": [..], "ram_nodes": [..],
    "running_nodes": [..], "partitions": {node: [..]}, "alarms": [{"node": .., "resource": ..}],
    "maintenance": [nodes], "listeners": {node: [{"protocol": .., "interface": .., "port": ..}]}}``,
    every list sorted.

    Raises ValueError when it is no such status.
    """
    try:
        running = sorted(found["running_nodes"])
        versions = found["versions"]
        return {
            "node": node,
            "is_running": node in running,
            "cluster_name": found["cluster_name"],
            "version": versions.get(node, {}).get("rabbitmq_version"),
            "versions": {name: entry["rabbitmq_version"] for name, entry in versions.items()},
            "erlang_versions": {name: entry["erlang_version"] for name, entry in versions.items()},
            "disk_nodes": sorted(found["disk_nodes"]),
            "ram_nodes": sorted(found["ram_nodes"]),
            "running_nodes": running,
            "partitions": {name: sorted(others) for name, others in found["partitions"].items()},
            "alarms": sorted(map(_alarm, found["alarms"]), key=json.dumps),
            "maintenance": sorted(
                name for name, state in found["maintenance_status"].items() if state != "regular"
            ),
            "listeners": {
                name: sorted(map(_listener, entries), key=lambda entry: entry["port"])
                for name, entries in found["listeners"].items()
            },
        }
    except (KeyError, TypeError, AttributeError, ValueError) as exc:
        raise ValueError(f"this is no cluster status of RabbitMQ's: {exc!r}") from exc


def parse_cluster_nodes(text):
    """
    Return the brokers of the cluster that a broker's database is of, sorted.

    text
        Content of ``cluster_nodes.config``: an Erlang term of two lists, all of them and those with
        a disk.

    Raises ValueError when it is none.
    """
    found = re.match(r"\s*\{\s*\[(.*?)\]\s*,\s*\[.*?\]\s*\}\s*\.\s*\Z", text, re.DOTALL)
    names = _brokers(found.group(1)) if found else []
    if not names:
        raise ValueError(f"this is no list of a cluster's brokers: {text!r}")
    return names


def parse_running_at_shutdown(text):
    """
    Return the brokers that ran when a broker stopped, sorted.

    text
        Content of ``nodes_running_at_shutdown``: an Erlang term of one list.

    Raises ValueError when it is none.
    """
    found = re.match(r"\s*\[(.*?)\]\s*\.\s*\Z", text, re.DOTALL)
    if not found:
        raise ValueError(f"this is no list of brokers: {text!r}")
    return _brokers(found.group(1))


def _brokers(text):
    return sorted(re.findall(r"[^\s,']+@[^\s,']+", text))


def stopped_status(node):
    """
    Return the status of a broker that does not run, in the shape of ``parse_status``.

    node
        The broker, e.g. rabbit@ctl1.
    """
    status = {"node": node, "is_running": False, "cluster_name": None, "version": None}
    for key in ("disk_nodes", "ram_nodes", "running_nodes", "alarms", "maintenance"):
        status[key] = []
    for key in ("versions", "erlang_versions", "partitions", "listeners"):
        status[key] = {}
    return status


def membership_faults(status, serving):
    """
    Return what keeps a running broker from being in one cluster with its peers, as texts.

    status
        By ``parse_status``, of a broker that runs.

    serving
        Names of the other brokers that accept AMQP connections at this moment.

    A broker opens its AMQP port at the end of its start only, when it has joined what it joins. So
    one that serves and is no member of this broker's cluster has a cluster of its own.
    """
    faults = []
    for peer in sorted(serving):
        if peer not in status["disk_nodes"] + status["ram_nodes"]:
            faults.append(
                f"{peer} runs, and is in another cluster than {status['node']}, whose cluster has "
                f"{', '.join(status['disk_nodes'])}"
            )
        elif peer not in status["running_nodes"]:
            faults.append(f"{peer} runs, but {status['node']} does not see it running")
    for peer, others in sorted(status["partitions"].items()):
        if others:
            faults.append(f"{peer} is partitioned from {', '.join(others)}")
    return faults


def foreign_clusters(status, serving):
    """
    Return the names of the brokers that serve in another cluster than this one's.

    status, serving
        As for ``membership_faults``.
    """
    return sorted(set(serving) - set(status["disk_nodes"]) - set(status["ram_nodes"]))


def may_form(controllers, reached):
    """
    Return whether a blank broker may start: it reaches a majority of the controllers' hosts.

    controllers
        How many controllers there are.

    reached
        How many of their hosts answer, its own included; an answer is also that nothing listens.

    Two halves of a split network can then not both make a cluster.
    """
    return 2 * reached > controllers


def _age(release):
    if release not in _RELEASES:
        raise ValueError(
            f"the OpenStack release {release!r} is unknown here; known: {', '.join(_RELEASES)}"
        )
    return _RELEASES.index(release)


def _digest(password, salt):
    return hashlib.sha256(salt + password.encode()).digest()


def _policy(name, policy):
    return {
        "vhost": policy["vhost"],
        "name": name,
        "pattern": policy["pattern"],
        "apply-to": policy["apply_to"],
        "priority": policy["priority"],
        "definition": policy["definition"],
    }


def _by_key(section, entries):
    return {_key(section, entry): entry for entry in entries}


def _key(section, entry):
    if section == "permissions":
        return (entry["vhost"], entry["user"])
    if section == "policies":
        return (entry["vhost"], entry["name"])
    return (entry["name"],)


def _name(section, key):
    """What it takes to name an entry to RabbitMQ's tools."""
    return {"vhost": key[0], "name": key[1]} if section == "policies" else key[0]


def _label(section, key):
    noun = {"vhosts": "vhost", "users": "user", "permissions": "permission", "policies": "policy"}
    return " ".join((noun[section], *key))


def _unwanted(theirs, ours):
    """What the formula takes away: users that must not be, and its own policy out of use."""
    for name in UNWANTED_USERS:
        if (name,) in theirs["users"] and (name,) not in ours["users"]:
            yield "users", (name,)
    for key in theirs["policies"]:
        if key[1] == MIRRORED_POLICY and key not in ours["policies"]:
            yield "policies", key


def _shown(section, entry, passwords):
    """What counts of an entry, and may be shown."""
    if entry is None:
        return None
    if section == "vhosts":
        return "present"
    if section == "users":
        return {"tags": _tags(entry["tags"]), "password": _password(entry, passwords)}
    hidden = {"permissions": ("user", "vhost"), "policies": ("vhost", "name")}[section]
    return {key: value for key, value in entry.items() if key not in hidden}


def _password(entry, passwords):
    if "password_hash" not in entry or entry["name"] not in passwords:
        return "as the pillar says" if entry["name"] in passwords else "not managed"
    fits = password_matches(passwords[entry["name"]], entry["password_hash"])
    return "as the pillar says" if fits else "another one"


def _tags(tags):
    # A list since 3.9, one comma-separated text before.
    return sorted(tag for tag in (tags.split(",") if isinstance(tags, str) else tags) if tag)


def _alarm(entry):
    return {"node": entry["node"], "resource": entry.get("resource", entry["type"])}


def _listener(entry):
    return {
        "protocol": entry["protocol"],
        "interface": entry["interface"],
        "port": int(entry["port"]),
    }
