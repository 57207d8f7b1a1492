"""
Swift's configuration files on this node, and what they say of that which must never change.
"""

import os

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_swift_conf"

SWIFT_CONF = "/etc/swift/swift.conf"


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
    found = _read(path)
    return found and __utils__["openstack_ha_swift_conf.fingerprint"](
        found["prefix"], found["suffix"]
    )


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


def identity(path=SWIFT_CONF):
    """
    Return what the file says of that which may never change, as ``openstack_ha_guard.memory`` does;
    empty where no swift.conf is, or only the package's own.

    path
        The file.

    Raises CommandExecutionError when the file cannot be read.

    CLI Example:

    .. code-block:: bash

        salt 'sto*' openstack_ha_swift_conf.identity
    """
    found = _read(path)
    if found is None:
        return {}
    said = {f"secrets:swift:hash_path_{end}": found[end] for end in ("prefix", "suffix")}
    said["swift:policies"] = found["policies"]
    entry = __utils__["openstack_ha_guard.entry"]
    return {key: entry(key, value) for key, value in said.items()}


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


def _view():
    return __salt__["openstack_ha.view"]()
