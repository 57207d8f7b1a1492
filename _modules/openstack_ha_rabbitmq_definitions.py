"""
What RabbitMQ serves: virtual hosts, users, permissions and policies, compared with the pillar's.

No password is on a command line, in a log or in what a function returns: passwords are hashed here,
and go to the broker through a pipe.
"""

import json
import secrets

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq_definitions"


def __virtual__():
    return __virtualname__


def export():
    """
    Return the broker's definitions (vhosts, users, permissions, policies, queues, ..), without
    password hashes.

    Raises CommandExecutionError when the broker does not give them.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_definitions.export
    """
    text = __salt__["openstack_ha_rabbitmq_tools.call"](
        "rabbitmqctl", "export_definitions", "-", "--format", "json"
    )
    try:
        found = json.loads(text)
    except ValueError as exc:
        raise CommandExecutionError(
            f"rabbitmqctl export_definitions printed no JSON: {exc}"
        ) from exc
    for user in found.get("users", []):
        user.pop("password_hash", None)
    return found


def pending(series=None):
    """
    Return what the broker's definitions lack of the pillar's.

    series
        Version of RabbitMQ to assume when no broker runs that can be asked, e.g. 3.10. Without a
        broker everything is lacking.

    Returns ``{"set": definitions, "delete": {"users": [..], "policies": [..]}, "changes": {..}}``
    without any secret.

    Raises CommandExecutionError when the broker cannot be read, or does not support the queues
    that the pillar asks for.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_definitions.pending 3.10
    """
    seen = __salt__["openstack_ha_rabbitmq.status"]()
    desired = _desired(seen["version"] or series)
    current = _current() if seen["is_running"] else {}
    return __utils__["openstack_ha_rabbitmq.definitions_diff"](
        current, desired, _passwords(desired)
    )


def queue_type(series=None):
    """
    Return ``mirrored`` or ``quorum``: the type of queue that the cluster uses.

    series
        Version of RabbitMQ to assume when no broker runs that can be asked, e.g. 3.10.

    Raises CommandExecutionError when the broker does not support what the pillar asks for.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_definitions.queue_type
    """
    return _queue_type(__salt__["openstack_ha_rabbitmq.status"]()["version"] or series)


def apply(series=None):
    """
    Give the broker the pillar's definitions, in one process, and take away what must not be.

    series
        As for ``pending``.

    Returns what was lacking, as ``pending`` does.

    Raises CommandExecutionError when the broker refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_definitions.apply
    """
    lacking = pending(series)
    if lacking["set"]:
        _import(lacking["set"])
    for user in lacking["delete"]["users"]:
        delete_user(user)
    for policy in lacking["delete"]["policies"]:
        clear_policy(policy["name"], policy["vhost"])
    return lacking


def delete_user(name):
    """
    Delete a user; one that is gone already is no error.

    name
        The user.

    Returns whether there was such a user.

    Raises CommandExecutionError when the broker refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_definitions.delete_user guest
    """
    return _deleted("delete_user", name)


def clear_policy(name, vhost="/"):
    """
    Delete a policy; one that is gone already is no error.

    name
        The policy.

    vhost
        Its virtual host.

    Returns whether there was such a policy.

    Raises CommandExecutionError when the broker refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_definitions.clear_policy old-policy
    """
    return _deleted("clear_policy", "--vhost", vhost, name)


def _queue_type(version):
    view = __salt__["openstack_ha.view"]()
    try:
        return __utils__["openstack_ha_rabbitmq.queue_type"](
            view["rabbitmq"]["queues"], version, view["release"]
        )
    except ValueError as exc:
        raise CommandExecutionError(str(exc)) from exc


def _desired(version):
    view = __salt__["openstack_ha.view"]()
    systems = __utils__["openstack_ha_cluster.all_systems"](view)
    return __utils__["openstack_ha_rabbitmq.desired_definitions"](
        view["rabbitmq"],
        len(view["controllers"]),
        _queue_type(version),
        __utils__["openstack_ha_messaging.users"](systems),
    )


def _passwords(desired):
    return {
        user["name"]: __salt__["openstack_ha.secret"](f"rabbitmq:users:{user['name']}")
        for user in desired["users"]
    }


def _import(wanted):
    users = [user["name"] for user in wanted.get("users", [])]
    passwords = _passwords({"users": [{"name": name} for name in users]})
    salts = {name: secrets.token_bytes(4) for name in users}
    complete = __utils__["openstack_ha_rabbitmq.with_hashes"](wanted, passwords, salts)
    __salt__["openstack_ha_rabbitmq_tools.call"](
        "rabbitmqctl", "import_definitions", stdin=json.dumps(complete)
    )


def _current():
    definitions = __utils__["openstack_ha_rabbitmq_erlang.definitions"]()
    return __salt__["openstack_ha_rabbitmq_tools.ask_own"](definitions)


def _deleted(*args):
    try:
        __salt__["openstack_ha_rabbitmq_tools.call"]("rabbitmqctl", *args)
    except CommandExecutionError as exc:
        # Another controller's state run may have been quicker.
        if "does not exist" in str(exc):
            return False
        raise
    return True
