"""
One Keystone: what it knows of itself, and the steps that the master tells it.

Keys and the first administrator come by the word of the master's runner of the same name.
"""

import base64
import http.client
import logging
import os
import pathlib
import pwd
import socket
import tempfile
import time

import salt.crypt
import salt.pillar
from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_keystone"

CONFIG = "/etc/keystone/openstack_ha-uwsgi.ini"
# When the master last said that the keys here are the present ones; the unit looks at its age.
CONFIRMED = pathlib.Path("/var/lib/openstack_ha/keystone-keys")
# One that is staged and one that encrypts.
FEWEST_KEYS = 2
API_TIMEOUT = 2
BOOTSTRAP_TIMEOUT = 300
CACHE_TIMEOUT = 2


def __virtual__():
    return __virtualname__


def clients():
    """
    Return what a client needs but the password: ``{auth_url, region}``.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keystone.clients
    """
    return __utils__["openstack_ha_keystone.clients"](__salt__["openstack_ha.view"]())


def evidence():
    """
    Return what the master decides by; ``openstack_ha_keystone_word`` explains it.

    Raises CommandExecutionError when something cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keystone.evidence
    """
    is_ready = bool(__salt__["pkg.version"](_facts()["package"])) and os.path.exists(CONFIG)
    return {
        "is_ready": is_ready,
        "pending": __salt__["openstack_ha_db_sync.pending"]("keystone") if is_ready else None,
        **_prepared(),
        "is_serving": _is_serving(),
        "heard": __salt__["openstack_ha_word.last"]("keystone"),
    }


def fingerprints():
    """
    Return the fingerprints of the keys that Keystone reads here.

    Returns ``{"fernet": {index: ..}, "credential": {index: ..}}``, with empty mappings where there
    are none.

    Raises CommandExecutionError when a repository cannot be read.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keystone.fingerprints
    """
    return {
        name: __utils__["openstack_ha_fernet.fingerprints"](_read_keys(folder))
        for name, folder in _repositories().items()
    }


def take_keys():
    """
    Put the keys of this node's fresh pillar where Keystone reads them; it needs no restart.

    Returns their fingerprints.

    Raises CommandExecutionError when the pillar has none, or the wrong ones.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keystone.take_keys
    """
    given = _given_keys()
    for name, folder in _repositories().items():
        if _read_keys(folder) != given[name]:
            _put_keys(folder, given[name])
    CONFIRMED.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    CONFIRMED.touch()
    return fingerprints()


def locked_keys():
    """
    Return this node's keys so that only its master can read them, for a master that lost its own.

    Returns ``{"fernet": {index: text}, "credential": {..}}``; a text is base64 of the key,
    encrypted by the master's public key.

    Raises CommandExecutionError when a repository or the master's key cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_keystone.adopt demo node=ctl1
    """
    path = os.path.join(__opts__["pki_dir"], "minion_master.pub")
    try:
        public = salt.crypt.PublicKey.from_file(path)
    except OSError as exc:
        raise CommandExecutionError(f"the master's key {path} cannot be read: {exc}") from exc
    return {
        name: {
            index: base64.b64encode(public.encrypt(key, salt.crypt.OAEP_SHA224)).decode()
            for index, key in _read_keys(folder).items()
        }
        for name, folder in _repositories().items()
    }


def lacks():
    """
    Return what this node waits for before its Keystone may start, beside its schema: some of
    ``keys`` and ``administrator``.

    Raises CommandExecutionError as ``fingerprints`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keystone.lacks
    """
    hours = __salt__["openstack_ha.view"]()["keystone"]["rotation_hours"]
    return __utils__["openstack_ha_keystone_word.lacks"](_prepared(), hours * 3600)


def bootstrap():
    """
    Make the first administrator with the pillar's password, or give him that password again.

    The controllers' memcached forget everything before: where the database is a new one, they know
    the users of the old one for up to ten minutes, and nobody could log in.

    Returns ``{"is_bootstrapped": bool}``.

    Raises CommandExecutionError when Keystone's command fails, or a memcached refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_keystone.bootstrap
    """
    caches = __utils__["openstack_ha_options.caches"](__salt__["openstack_ha.view"]())
    for server in caches.split(","):
        _forget(server)
    client = clients()
    urls = [
        f"--bootstrap-{kind}-url={client['auth_url']}" for kind in ("public", "internal", "admin")
    ]
    __salt__["openstack_ha_db_sync.manage"](
        "keystone",
        ["bootstrap", f"--bootstrap-region-id={client['region']}", *urls],
        BOOTSTRAP_TIMEOUT,
        # Not an argument, which everybody could see.
        {"OS_BOOTSTRAP_PASSWORD": __salt__["openstack_ha.secret"]("keystone:admin")},
    )
    return {"is_bootstrapped": _is_bootstrapped()}


def _forget(server):
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), CACHE_TIMEOUT) as cache:
            cache.sendall(b"flush_all\r\n")
            answer = cache.recv(64)
    except OSError as exc:
        # One that is down will have forgotten everything when it is back.
        log.warning("memcached at %s does not forget what it knows: %s", server, exc)
        return
    if answer != b"OK\r\n":
        raise CommandExecutionError(
            f"memcached at {server} answers {answer!r} to flush_all, instead of OK; a restart "
            "makes it forget an earlier Keystone too: `systemctl restart memcached` there"
        )


def _prepared():
    return {
        "is_bootstrapped": _is_bootstrapped(),
        "keys": fingerprints(),
        "confirmed": _age(),
    }


def _repositories():
    return __utils__["openstack_ha_keystone.repositories"]()


def _given_keys():
    """The keys as the master has them now; the pillar of the job itself may be an old one."""
    pillar = salt.pillar.get_pillar(
        __opts__,
        dict(__grains__),
        __opts__["id"],
        pillarenv=__opts__.get("pillarenv"),
        clean_cache=True,
    ).compile_pillar()
    errors = pillar.get("_errors")
    if errors:
        raise CommandExecutionError(f"the pillar of {__opts__['id']} has faults: {errors}")
    found = pillar.get("openstack_ha", {}).get("secrets", {}).get("keystone", {})
    given = {name: found.get(f"{name}_keys") or {} for name in _repositories()}
    for name, keys in given.items():
        if len(keys) < FEWEST_KEYS or not all(
            map(__utils__["openstack_ha_fernet.is_key"], keys.values())
        ):
            raise CommandExecutionError(
                f"the pillar of {__opts__['id']} has no good openstack_ha:secrets:keystone:"
                f"{name}_keys; the master makes them: `salt-run openstack_ha_coordinator.answer "
                "<cluster> keystone`"
            )
    return given


def _read_keys(folder):
    keys = {}
    try:
        for entry in os.scandir(folder):
            if entry.name.isdecimal():
                keys[entry.name] = pathlib.Path(entry.path).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise CommandExecutionError(f"{folder} cannot be read: {exc}") from exc
    return keys


def _put_keys(folder, keys):
    """
    Replace a repository's keys while Keystone reads them with each request.

    A file comes before one goes, each by one rename, and never is there a file in this folder
    that is no whole key. The highest index is the primary key: it comes last of the new ones, and
    its content is the staged one's that every other node already has.
    """
    path, owner = pathlib.Path(folder), pwd.getpwnam(_facts()["user"])
    path.mkdir(mode=0o700, exist_ok=True)
    os.chown(path, owner.pw_uid, owner.pw_gid)
    path.chmod(0o700)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".openstack_ha-") as fresh:
        for index in sorted(keys, key=lambda one: (one == "0", int(one))):
            new = pathlib.Path(fresh, index)
            new.touch(mode=0o600)
            os.chown(new, owner.pw_uid, owner.pw_gid)
            with new.open("w", encoding="ascii") as stream:
                stream.write(keys[index])
                stream.flush()
                os.fsync(stream.fileno())
            new.replace(path / index)
    for index in set(_read_keys(folder)) - set(keys):
        (path / index).unlink()
    folder_handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder_handle)
    finally:
        os.close(folder_handle)


def _is_bootstrapped():
    """Whether there is an administrator; None when that is not known."""
    # What Keystone's bootstrap makes last.
    found = __salt__["openstack_ha_db_sync.rows"](
        "SELECT COUNT(*) FROM keystone.endpoint JOIN keystone.service "
        "ON endpoint.service_id = service.id "
        "WHERE service.type = 'identity' AND endpoint.interface = 'admin'"
    )
    return None if found is None else any(count for (count,) in found)


def _is_serving():
    view = __salt__["openstack_ha.view"]()
    connection = http.client.HTTPConnection(
        view["self"]["address"], view["keystone"]["port"], timeout=API_TIMEOUT
    )
    try:
        connection.request("GET", "/healthcheck")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _age():
    """Seconds since the keys were the present ones; a clock that was set back tells nothing."""
    try:
        age = time.time() - CONFIRMED.stat().st_mtime
    except FileNotFoundError:
        return None
    return age if age >= 0 else None


def _facts():
    """Package, user and so on, as its schema is made with them."""
    return __utils__["openstack_ha_db_sync.facts"]("keystone")
