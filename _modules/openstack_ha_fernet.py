"""
Keystone's keys where they are kept: on the master, which makes and rotates them.

The nodes get them with their pillar. A master that has lost them makes no new ones while nodes have
the old ones, so this folder belongs into its backup.
"""

import base64
import json
import os
import pathlib
import time

import salt.crypt
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_fernet"

# Where the option openstack_ha_keys names nothing. Not the cache directory: who empties that one
# must not end every session of a cloud.
FOLDER = "/var/lib/openstack_ha_keys"


def __virtual__():
    return __virtualname__


def keyring(cluster, **kwargs):
    """
    Return a cluster's keyring, None where there is none; for the pillar only.

    cluster
        The cluster's name.

    Raises CommandExecutionError when the file cannot be read, and when it is called as a job: a
    job's return goes through events and caches.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd openstack_ha_fernet.show demo
    """
    if "__pub_fun" in kwargs:
        raise CommandExecutionError("use `salt-run openstack_ha_keystone.keys`, which shows no key")
    path = _path(cluster)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as exc:
        raise CommandExecutionError(
            f"{path} cannot be read ({exc}); put it back from a backup: without it nobody's tokens "
            "are known"
        ) from exc


def show(cluster):
    """
    Return what may be known of a keyring: ``{"fernet": {index: fingerprint}, "credential": {..},
    "rotated": time}``, None where there is none.

    cluster
        The cluster's name.

    Raises CommandExecutionError as ``keyring`` does.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd openstack_ha_fernet.show demo
    """
    found = keyring(cluster)
    return found and _shown(found)


def create(cluster):
    """
    Make a keyring for a cluster that has none, and return what may be known of it.

    cluster
        The cluster's name.

    Raises CommandExecutionError when there is one, or it cannot be written.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.answer demo keystone
    """
    if keyring(cluster) is not None:
        raise CommandExecutionError(f"{_path(cluster)} exists, and is not replaced by a new one")
    return _keep(cluster, __utils__["openstack_ha_fernet.created"](time.time()))


def adopt(cluster, locked):
    """
    Take the keys of a controller for a cluster that has no keyring, and return what may be known
    of it.

    cluster
        The cluster's name.

    locked
        What ``openstack_ha_keystone.locked_keys`` returns: only this master can open it.

    Raises CommandExecutionError when there is a keyring, or the keys are no whole set.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.adopt demo node=ctl1
    """
    if keyring(cluster) is not None:
        raise CommandExecutionError(f"{_path(cluster)} exists, and is not replaced by other keys")
    path = os.path.join(__opts__["pki_dir"], "master.pem")
    private = salt.crypt.PrivateKey.from_file(path, __opts__.get("key_pass"))
    try:
        sets = {
            name: {index: _opened(private, text) for index, text in locked[name].items()}
            for name in ("fernet", "credential")
        }
        new = __utils__["openstack_ha_fernet.adopted"](sets, time.time())
    except (KeyError, ValueError) as exc:
        raise CommandExecutionError(f"a controller's keys were not taken: {exc}") from None
    return _keep(cluster, new)


def rotate(cluster, lifetime):
    """
    Rotate a cluster's keys for tokens once, and return what may be known of the keyring.

    cluster
        The cluster's name.

    lifetime
        Seconds for which a token may be asked about.

    Whoever calls it knows that every controller has the present set.

    Raises CommandExecutionError when there is no keyring, or it cannot be written.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.rotate demo
    """
    found = keyring(cluster)
    if found is None:
        raise CommandExecutionError(f"{_path(cluster)} is missing; there is nothing to rotate")
    return _keep(cluster, __utils__["openstack_ha_fernet.rotated"](found, time.time(), lifetime))


def _opened(private, text):
    return private.decrypt(base64.b64decode(text), algorithm=salt.crypt.OAEP_SHA224).decode()


def _shown(found):
    fingerprints = __utils__["openstack_ha_fernet.fingerprints"]
    sets = {name: fingerprints(found[name]) for name in ("fernet", "credential")}
    return {**sets, "rotated": found["rotated"]}


def _keep(cluster, new):
    """Replace the keyring; it is on the disk before any node has a key of it."""
    path = _path(cluster)
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(new))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as exc:
        raise CommandExecutionError(
            f"{path} cannot be written ({exc}); on the master, `salt-call --local state.apply "
            "openstack_ha.master` makes the folder, and the option openstack_ha_keys names it"
        ) from exc
    return _shown(new)


def _path(cluster):
    # The name is an IDENTIFIER_PATTERN of the schema, so it is no path.
    return pathlib.Path(__opts__.get("openstack_ha_keys", FOLDER), f"{cluster}.keystone.json")
