"""
Keystone's objects: domains, projects, users, roles, services, endpoints, and who may do what.

A helper in the system's Python speaks with Keystone by openstacksdk, which Salt's own Python does
not see: one process a batch, whose secrets go by its standard input.
"""

import json
import os
import subprocess

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_identity"

PYTHON = "/usr/bin/python3"
PROGRAM = "/usr/libexec/openstack_ha/openstack-ha-identity.py"
# Seconds for one batch; a thousand objects take a minute.
TIMEOUT = 900
# Domains; what is in them; what names these.
ROUNDS = 4


def __virtual__():
    return __virtualname__


def is_owner():
    """
    Return whether the master has named this controller to look after the objects; None when it has
    named nobody yet.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_identity.is_owner
    """
    word = __salt__["openstack_ha_word.last"]("keystone") or {}
    return word.get("owner") and word["owner"] == __opts__["id"]


def pending(prune=False):
    """
    Return what of the pillar's objects differs, as a list of ``{"kind", "key", "change", "old",
    "new"}``, without any password.

    prune
        Whether what the formula has made and the pillar does not name any more counts.

    Raises CommandExecutionError when Keystone does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_identity.pending
    """
    return _look(prune)[0]


def apply(prune=False):
    """
    Create, correct and, if told so, remove objects until nothing differs any more.

    prune
        As for ``pending``.

    Returns what still differs, as ``pending``.

    Raises CommandExecutionError when Keystone does not answer, or refuses a request.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_identity.apply
    """
    changes, found = _look(prune)
    for _ in range(ROUNDS):
        requests = __utils__["openstack_ha_identity.requests"](changes, found)
        if not requests:
            break
        answer = _ask("send", requests=[_with_password(one) for one in requests])
        if answer["refused"]:
            raise CommandExecutionError("Keystone refused: " + "; ".join(answer["refused"]))
        changes, found = _look(prune)
    return changes


def _look(prune):
    view = __salt__["openstack_ha.view"]()
    systems = __utils__["openstack_ha_cluster.all_systems"](view)
    should = __utils__["openstack_ha_identity.wanted"](view, systems)
    passwords = [
        [domain, name, __salt__["openstack_ha.secret"](f"keystone:users:{name}")]
        for domain, name in should["user"]
    ]
    answer = _ask("read", passwords=passwords)
    found = __utils__["openstack_ha_identity.known"](answer["lists"])
    fits = {(domain, name): is_right for domain, name, is_right in answer["passwords"]}
    return __utils__["openstack_ha_identity.diff"](should, found, fits, prune), found


def _with_password(request):
    """The request as it is sent."""
    user, body = request["user"], request["body"]
    if user:
        password = __salt__["openstack_ha.secret"](f"keystone:users:{user[1]}")
        body = {"user": {**body["user"], "password": password}}
    return {"method": request["method"], "path": request["path"], "body": body}


def _ask(verb, **more):
    """One conversation with the helper."""
    if not os.path.isfile(PROGRAM):
        raise CommandExecutionError(f"{PROGRAM} is missing; apply openstack_ha.keystone.identity")
    password = __salt__["openstack_ha.secret"]("keystone:admin")
    auth = {**__salt__["openstack_ha_keystone.clients"](), "password": password}
    try:
        # Not cmd.run_all, which logs what it is given.
        done = subprocess.run(
            [PYTHON, PROGRAM],
            input=json.dumps({"do": verb, "auth": auth, **more}),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired:
        raise CommandExecutionError(f"{PROGRAM} did not end within {TIMEOUT} s") from None
    if done.returncode:
        lines = done.stderr.strip().splitlines()[-1:]
        raise CommandExecutionError(f"{PROGRAM} ended with {done.returncode}: {' '.join(lines)}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise CommandExecutionError(
            f"Keystone on {auth['auth_url']} did not do as asked: {answer['error']}. If it does "
            f"not know the administrator's password, `salt {__opts__['id']} "
            "openstack_ha_keystone.bootstrap` gives him the pillar's"
        )
    return answer
