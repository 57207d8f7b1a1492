"""
Swift's configuration files on this node, and the guard over what must never change in them.
"""

import json
import os
import tempfile

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift_conf"

SWIFT_CONF = "/etc/swift/swift.conf"
# Beside /etc: a lost swift.conf must not be replaced by one with another hash path.
MEMORY = "/var/lib/openstack_ha/swift-identity.json"


def __virtual__():
    return __virtualname__


def files(role):
    """
    Return the files of a role as ``{file: {section: {key: value}}}``, without any secret.

    role
        ``shared`` (by every node of Swift), ``storage`` or ``proxy``.

    A value is text, or a list of texts and of ``{"secret": path}`` where a template asks for the
    secret.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_conf.files proxy
    """
    view = _view()
    if role == "proxy":
        proxies = __utils__["openstack_ha_cluster.nodes_with"](view, "swift.proxy")
        return __utils__["openstack_ha_swift_conf.proxy_files"](view, proxies)
    return __utils__[f"openstack_ha_swift_conf.{role}_files"](view)


def programs(role=None):
    """
    Return Swift's programs as ``{program: {"config", "reads", "is_server", "turn"}}``.

    role
        ``storage`` or ``proxy``: those that run on its nodes; ``idle``: those of a storage node
        that do not run. Default: all.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_conf.programs storage
    """
    view = _view()
    known = __utils__["openstack_ha_swift_conf.programs"](view)
    if role is None:
        return known
    own = __utils__["openstack_ha_swift_conf.programs_of"](view, role)
    return {name: known[name] for name in own}


def server_files():
    """
    Return the names of the files that servers read, so that they can be tested before they serve.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_conf.server_files
    """
    return sorted({facts["config"] for facts in programs().values() if facts["is_server"]})


def fingerprint(path=SWIFT_CONF):
    """
    Return what tells the hash path of this node's Swift from another, without giving it away.

    path
        The file.

    Returns None where no swift.conf is, or only the package's own. Nodes with different ones look
    for the same object in different places.

    Raises CommandExecutionError when the file cannot be read.

    CLI Example:

    .. code-block:: bash

        salt 'sto*' openstack_ha_swift_conf.fingerprint
    """
    found = _identity(path)
    return found and found["hash_path"]


def wanted_fingerprint():
    """
    Return the fingerprint of the pillar's hash path, see ``fingerprint``.

    CLI Example:

    .. code-block:: bash

        salt 'sto*' openstack_ha_swift_conf.wanted_fingerprint
    """
    return __utils__["openstack_ha_swift_conf.fingerprint"](*_hash_path())


def unready(path=SWIFT_CONF):
    """
    Return why no ring may be put on this node, or None where its Swift has the pillar's hash path.

    path
        The file.

    CLI Example:

    .. code-block:: bash

        salt 'sto*' openstack_ha_swift_conf.unready
    """
    if not os.path.exists(path):
        return f"{path} is missing: Swift is not installed (yet)"
    try:
        found = _read(path)
    except CommandExecutionError as exc:
        return str(exc)
    if found is None or [found["prefix"], found["suffix"]] != _hash_path():
        return f"{path} does not have the hash path of the pillar (yet)"
    return None


def guard(path=SWIFT_CONF, memory=MEMORY):
    """
    Return why the pillar's swift.conf must not be written, and what the node does not remember.

    path
        The file.

    memory
        What the node remembers of it, for the day on which the file is lost.

    Returns ``{"objections": [..], "changes": {..}}``.

    Raises CommandExecutionError when file or memory cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_conf.guard
    """
    asked, objections = _asked(), []
    known = {"swift.conf": (_identity(path), path), "memory": (_remembered(memory), memory)}
    for found, where in known.values():
        # One of them says it all.
        if found and not objections:
            objections = __utils__["openstack_ha_swift_conf.objections"](found, asked, where)
    remembered = known["memory"][0]
    changes = {}
    if remembered is None:
        changes["hash_path"] = {"old": None, "new": "remembered"}
    if (remembered or {}).get("policies") != asked["policies"]:
        old = remembered and remembered["policies"]
        changes["policies"] = {"old": old, "new": asked["policies"]}
    return {"objections": objections, "changes": changes}


def remember(path=SWIFT_CONF, memory=MEMORY):
    """
    Keep what the pillar's swift.conf is known by, unless the guard objects.

    path, memory
        As for ``guard``.

    Raises CommandExecutionError when the guard objects.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_swift_conf.remember
    """
    objections = guard(path, memory)["objections"]
    if objections:
        raise CommandExecutionError("; ".join(objections))
    folder = os.path.dirname(memory)
    os.makedirs(folder, exist_ok=True)
    handle, fresh = tempfile.mkstemp(dir=folder)
    with open(handle, "w", encoding="utf-8") as out:
        json.dump(_asked(), out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(fresh, memory)


def _asked():
    return __utils__["openstack_ha_swift_conf.wanted"](_view(), wanted_fingerprint())


def _hash_path():
    secret = __salt__["openstack_ha.secret"]
    return [secret(f"swift:hash_path_{end}") for end in ("prefix", "suffix")]


def _read(path):
    """The hash path and the policies of a file, or None where it is not there or nobody's."""
    try:
        with open(path, encoding="latin1") as file:
            return __utils__["openstack_ha_swift_conf.identity"](file.read())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise CommandExecutionError(
            f"{path}: {exc}; with which hash path objects were stored is not known. Mend it, or "
            "move it away once the cluster file has the right one"
        ) from exc


def _identity(path):
    """What may be known of that: a fingerprint of the hash path, and the policies."""
    found = _read(path)
    if found is None:
        return None
    hash_path = __utils__["openstack_ha_swift_conf.fingerprint"](found["prefix"], found["suffix"])
    return {"hash_path": hash_path, "policies": found["policies"]}


def _remembered(memory):
    try:
        with open(memory, encoding="utf-8") as file:
            found = json.load(file)
        return {"hash_path": str(found["hash_path"]), "policies": dict(found["policies"])}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise CommandExecutionError(
            f"{memory}: cannot be read ({exc}); compare openstack_ha:secrets:swift with "
            f"{SWIFT_CONF} and remove it"
        ) from exc


def _view():
    return __salt__["openstack_ha.view"]()
