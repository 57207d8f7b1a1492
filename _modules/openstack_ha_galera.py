"""
One MariaDB Galera server: what it knows of itself, and the steps that the master tells it.

A node never decides to start a cluster. It gathers evidence, and it starts in the way that the
master's runner of the same name says.
"""

import concurrent.futures
import glob
import json
import logging
import os
import pathlib
import shutil
import tempfile
import time

import salt.utils.atomicfile
from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_galera"

UNIT = "mariadb.service"
CONFIG = "/etc/mysql/mariadb.conf.d/99-openstack_ha.cnf"
# Where the unit's drop-in copies the configuration that it starts with.
STARTED_WITH = "/run/mysqld/openstack_ha.cnf"
SOCKET = "/run/mysqld/mysqld.sock"
DATADIR = "/var/lib/mysql"
# The last position of this node as a Synced member; it outlives the data directory.
FLOOR = "/var/lib/openstack_ha/galera.json"

OWN_SCHEMAS = {"mysql", "performance_schema", "sys", "test", "lost+found"}
# A crashed server replays its log before it can tell its position.
RECOVER_TIMEOUT = 3600
START_TIMEOUT = 86400
# Where members of a cluster reach one another.
GROUP_PORT = 4567
# What Debian's unit starts the server with; galera_new_cluster sets it in systemd's environment.
NEW_CLUSTER = "_WSREP_NEW_CLUSTER"
SYNC_POLL = 1
# Seconds that a server which has just started may be outside the Primary component.
REUNION_TIMEOUT = 60
SQL_TIMEOUT = 30

STATUS_NAMES = (
    "wsrep_cluster_status",
    "wsrep_cluster_state_uuid",
    "wsrep_cluster_size",
    "wsrep_cluster_conf_id",
    "wsrep_incoming_addresses",
    "wsrep_last_committed",
    "wsrep_local_state",
    "wsrep_local_state_comment",
    "wsrep_ready",
)


def __virtual__():
    return __virtualname__


def options():
    """
    Return the options of ``[mysqld]`` for this node as ``[[name, value], ..]``, in the order of
    their names, and those of the pillar's after the formula's own.

    The values that depend on the node are the sizes (``galera:buffer_pool`` of its memory) and
    the number of appliers, two to sixteen by cores as openstack-ansible and kolla-ansible set it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.options
    """
    view = __salt__["openstack_ha.view"]()
    galera, own = view["galera"], view["self"]
    memory = __utils__["openstack_ha_galera.buffer_pool_megabytes"](
        galera["buffer_pool"], __grains__["mem_total"]
    )
    provider_options = __utils__["openstack_ha_galera.provider_options"](
        galera["gcache_size"], galera["provider_options"]
    )
    members = ",".join(node["address"] for node in view["controllers"])
    own_options = {
        "bind-address": own["address"],
        "port": galera["port"],
        "extra_port": galera["extra_port"],
        "extra_max_connections": 8,
        "max_connections": galera["max_connections"],
        "skip-name-resolve": "ON",
        "default_storage_engine": "InnoDB",
        "binlog_format": "ROW",
        "innodb_autoinc_lock_mode": 2,
        # Every acknowledged write is on disk: all controllers can lose their power at once.
        "innodb_flush_log_at_trx_commit": 1,
        "innodb_buffer_pool_size": f"{memory}M",
        "wsrep_on": "ON",
        "wsrep_provider": "/usr/lib/galera/libgalera_smm.so",
        "wsrep_provider_options": f'"{provider_options}"',
        "wsrep_cluster_name": view["name"],
        "wsrep_cluster_address": f"gcomm://{members}",
        "wsrep_node_name": own["id"],
        "wsrep_node_address": own["address"],
        "wsrep_sst_method": "mariabackup",
        # The server's own account, known by its socket: a transfer needs no password.
        "wsrep_sst_auth": "mysql:",
        "wsrep_slave_threads": min(max(__grains__["num_cpus"], 2), 16),
        "wsrep_retry_autocommit": 3,
    }
    rows = __utils__["openstack_ha_galera.server_options"](own_options, galera["server_options"])
    return [list(row) for row in rows]


def server():
    """
    Return what systemd says of the server: ``running``, ``starting``, ``joining``, ``stopping``,
    ``stopped`` or ``absent``.

    A server that is starting still recovers its own data; one that is joining has done that, and
    looks for the others or receives data of them.

    Raises CommandExecutionError when systemd does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.server
    """
    properties = "--property=LoadState,ActiveState,SubState"
    shown = _run(["systemctl", "show", UNIT, properties], timeout=30)
    facts = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
    if facts["LoadState"] == "not-found":
        return "absent"
    if (facts["ActiveState"], facts["SubState"]) == ("activating", "start"):
        return "joining"
    states = {
        "active": "running",
        "reloading": "running",
        "activating": "starting",
        "deactivating": "stopping",
    }
    return states.get(facts["ActiveState"], "stopped")


def status():
    """
    Return the server's state and, while it runs, its wsrep status by name.

    Returns ``{"server": .., "wsrep": {..} or None, "is_synced": bool}``.

    Raises CommandExecutionError when a running server does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.status
    """
    state = server()
    wsrep = _wsrep() if state == "running" else None
    is_synced = __utils__["openstack_ha_galera_election.is_synced"]({"wsrep": wsrep})
    return {"server": state, "wsrep": wsrep, "is_synced": is_synced}


def evidence():
    """
    Return what this node can tell about the cluster's data.

    A Synced member writes down where it is, for the day on which nobody is.

    Returns the mapping that ``openstack_ha_galera_election`` documents.

    Raises CommandExecutionError when something cannot be told: unknown is not absent.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.evidence
    """
    now = status()
    is_running = now["server"] == "running"
    grastate = _grastate()
    is_receiving = any(os.path.exists(f"{DATADIR}/{name}") for name in ("sst_in_progress", ".sst"))
    is_pristine = _is_pristine(grastate)
    is_stopped = now["server"] in ("stopped", "absent")
    has_position = is_stopped and not is_pristine and not is_receiving
    if now["is_synced"]:
        _remember({"uuid": now["wsrep"]["state_uuid"], "seqno": now["wsrep"]["last_committed"]})
    return {
        "is_ready": now["server"] != "absent" and os.path.exists(CONFIG),
        "server": "stopped" if now["server"] == "absent" else now["server"],
        "is_outdated": is_running and _content(CONFIG) != _content(STARTED_WITH),
        "wsrep": now["wsrep"],
        "position": _position(grastate) if has_position else None,
        "safe_to_bootstrap": grastate["safe_to_bootstrap"],
        "last_view": None if is_running else _last_view(),
        "is_pristine": is_pristine,
        "is_receiving": is_receiving,
        "floor": _floor(),
    }


def bootstrap(position=None):
    """
    Start this server as the first of a new Primary component; the master's word only. On a new
    disk, where there is no database at all, the server's own tables are made before.

    position
        ``{uuid, seqno}`` that the word rests on, None for a first install. Another position
        here means that the evidence is old, and nothing is done.

    Returns the status after it.

    Raises CommandExecutionError when the evidence has changed, another controller's server listens
    (its minion may be silent and its server not), or the server does not start.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo galera
    """
    found = evidence()
    if found["server"] != "stopped" or found["position"] != position:
        raise CommandExecutionError(
            f"{__opts__['id']} was to start a cluster from {position}, and is now "
            f"{found['server']} at {found['position']}; nothing was done"
        )
    _refuse_beside_others()
    if found["is_pristine"] and not os.path.exists(f"{DATADIR}/mysql"):
        # The package made them on the disk that is gone, and a joiner receives a copy.
        install = ["mariadb-install-db", "--user=mysql", f"--datadir={DATADIR}", "--skip-test-db"]
        _run(install, timeout=RECOVER_TIMEOUT)
    _allow_bootstrap()
    # The variable is read by Debian's unit; while it is set, every start makes a cluster of its
    # own, so it goes whatever happens.
    _run(["systemctl", "set-environment", f"{NEW_CLUSTER}=--wsrep-new-cluster"], timeout=30)
    try:
        _run(["systemctl", "start", UNIT], timeout=START_TIMEOUT)
    finally:
        _as_member()
    return _wait_synced()


def join():
    """
    Start this server as a member, and wait until it is Synced.

    Returns the status after it. A server that runs already is only waited for.

    Raises CommandExecutionError when it does not start.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.join
    """
    _as_member()
    _run(["systemctl", "start", UNIT], timeout=START_TIMEOUT)
    return _wait_synced()


def launch():
    """
    Start this server as a member, and do not wait for what comes of it.

    Returns the status after it.

    Raises CommandExecutionError when systemd refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.launch
    """
    _as_member()
    _run(["systemctl", "start", "--no-block", UNIT], timeout=30)
    return status()


def restart():
    """
    Stop and start this server as a member, and wait until it is Synced.

    Returns the status after it.

    Raises CommandExecutionError when it does not start.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.restart
    """
    _as_member()
    _run(["systemctl", "restart", UNIT], timeout=START_TIMEOUT)
    return _wait_synced()


def resync():
    """
    Have this server take part in the cluster's flow control again, where somebody has taken it out
    (``SET GLOBAL wsrep_desync = ON``), and wait until it is Synced.

    Returns the status after it.

    Raises CommandExecutionError when the server does not answer, or leaves the cluster meanwhile.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.resync
    """
    with _connection() as connection:
        _query(connection, "SET GLOBAL wsrep_desync = OFF")
    return _wait_synced()


def stand_down():
    """
    Stop this server, unless it is in a Primary component.

    Returns the status after it.

    Raises CommandExecutionError when it is Primary, or does not stop.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.stand_down
    """
    now = status()
    if now["wsrep"] and now["wsrep"]["cluster_status"] == "Primary":
        raise CommandExecutionError(
            f"the database on {__opts__['id']} is in a Primary component; it was not stopped"
        )
    if now["server"] == "joining":
        # It hears no SIGTERM while it looks for a Primary component, and has not opened its data.
        _run(["systemctl", "kill", "--signal=KILL", UNIT], timeout=30)
    _run(["systemctl", "stop", UNIT], timeout=START_TIMEOUT)
    return status()


def set_aside(is_running=False):
    """
    Move the server's data directory away, so that it joins empty and receives all data.

    For a person, about data that is not wanted any more; nothing is deleted, and no state calls it.

    is_running
        The server runs and is stopped first, even in a Primary component. It cannot join with its
        old data in between.

    Returns the status after it, and ``moved_to``, the path.

    Raises CommandExecutionError when the server is not stopped, or does not stop.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_galera.set_aside
        salt ctl3 openstack_ha_galera.set_aside is_running=True
    """
    now = status()
    if now["server"] != "stopped" and not is_running:
        raise CommandExecutionError(
            f"the database on {__opts__['id']} is {now['server']}; nothing was moved. "
            "is_running=True stops it first"
        )
    # Whoever says start meanwhile, a boot or the master, is refused by systemd.
    _run(["systemctl", "mask", "--runtime", UNIT], timeout=30)
    try:
        _run(["systemctl", "stop", UNIT], timeout=START_TIMEOUT)
        moved_to = _move_datadir()
    finally:
        _run(["systemctl", "unmask", "--runtime", UNIT], timeout=30)
    return {**status(), "moved_to": moved_to}


def _move_datadir():
    if os.path.ismount(DATADIR):
        raise CommandExecutionError(
            f"{DATADIR} on {__opts__['id']} is a filesystem of its own, and the database is "
            "stopped: move its content to another one by hand"
        )
    moved_to = f"{DATADIR}.{time.strftime('%Y%m%dT%H%M%S')}"
    entry = os.stat(DATADIR)
    # Not os.rename: an overlay file system calls the same directory another device.
    _run(["mv", "--no-target-directory", DATADIR, moved_to], timeout=START_TIMEOUT)
    os.mkdir(DATADIR)
    os.chmod(DATADIR, entry.st_mode & 0o7777)
    os.chown(DATADIR, entry.st_uid, entry.st_gid)
    # What this node reached went with its data.
    pathlib.Path(FLOOR).unlink(missing_ok=True)
    return moved_to


def forget():
    """
    Forget the last position of this node as a Synced member; ``salt-run
    openstack_ha_galera.forget`` asks for it.

    Returns ``{"forgotten": {uuid, seqno} or None}``.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_galera.forget demo
    """
    known = _floor()
    pathlib.Path(FLOOR).unlink(missing_ok=True)
    return {"forgotten": known}


def accounts_pending():
    """
    Return what of the pillar's databases and accounts the server lacks; names and reasons only.

    Returns ``{"databases": [..], "accounts": {name: reason}}``.

    Raises CommandExecutionError when the server does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.accounts_pending
    """
    with _connection() as connection:
        return _accounts_pending(connection, _desired_accounts())


def accounts_apply():
    """
    Create and correct the pillar's databases and accounts over one connection.

    Returns what was pending, as ``accounts_pending``.

    Raises CommandExecutionError when the server does not answer or refuses.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_galera.accounts_apply
    """
    desired = _desired_accounts()
    with _connection() as connection:
        pending = _accounts_pending(connection, desired)
        for sql, parameters in __utils__["openstack_ha_galera_accounts.statements"](
            pending, desired, _account_host()
        ):
            _query(connection, sql, parameters)
    return pending


def _desired_accounts():
    view = __salt__["openstack_ha.view"]()
    systems = __utils__["openstack_ha_cluster.all_systems"](view)
    accounts = {
        "health": {"databases": []},
        **__utils__["openstack_ha_galera_accounts.of_systems"](systems),
        **view["galera"]["accounts"],
    }
    return {
        name: {
            "hash": __utils__["openstack_ha_galera_accounts.native_password"](
                __salt__["openstack_ha.secret"](f"galera:accounts:{name}")
            ),
            "databases": account["databases"],
        }
        for name, account in accounts.items()
    }


def _account_host():
    """Where accounts may come from: HAProxy's own addresses, which lie in this network."""
    return __utils__["openstack_ha_cluster.sql_host"](__salt__["openstack_ha.view"]())


def _accounts_pending(connection, desired):
    databases = [row[0] for row in _query(connection, "SHOW DATABASES")]
    host = _account_host()
    actual = {}
    for name, stored in _query(
        connection,
        "SELECT User, JSON_VALUE(Priv, '$.authentication_string') FROM mysql.global_priv "
        "WHERE Host = %s AND User IN %s",
        (host, tuple(desired)),
    ):
        grants = [row[0] for row in _query(connection, "SHOW GRANTS FOR %s@%s", (name, host))]
        actual[name] = {
            "hash": stored,
            "databases": __utils__["openstack_ha_galera_accounts.granted_databases"](grants),
        }
    return __utils__["openstack_ha_galera_accounts.diff"](
        desired, {"databases": databases, "accounts": actual}
    )


def _connection():
    try:
        import pymysql
    except ImportError as exc:
        raise CommandExecutionError(
            "Salt's Python has no PyMySQL; `salt-call state.apply openstack_ha.python` installs it"
        ) from exc
    try:
        return pymysql.connect(
            unix_socket=SOCKET,
            user="root",
            autocommit=True,
            connect_timeout=SQL_TIMEOUT,
            read_timeout=SQL_TIMEOUT,
            write_timeout=SQL_TIMEOUT,
        )
    except pymysql.MySQLError as exc:
        raise CommandExecutionError(
            f"the database on {__opts__['id']} does not answer on {SOCKET}: {exc.args}; "
            f"`journalctl -u {UNIT}` has its log"
        ) from exc


def _query(connection, sql, parameters=()):
    import pymysql

    try:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.fetchall()
    except pymysql.MySQLError as exc:
        # Only the statement without its parameters: they hold hashes.
        raise CommandExecutionError(
            f"the database on {__opts__['id']} refused `{sql}`: {exc.args[0]}"
        ) from None


def _wsrep():
    with _connection() as connection:
        found = dict(
            _query(
                connection,
                "SHOW GLOBAL STATUS WHERE Variable_name IN %s",
                (STATUS_NAMES,),
            )
        )
        ((is_desynced,),) = _query(connection, "SELECT @@GLOBAL.wsrep_desync")
    return {
        "cluster_status": found.get("wsrep_cluster_status", "Disconnected"),
        "state_uuid": found.get("wsrep_cluster_state_uuid", ""),
        "cluster_size": int(found.get("wsrep_cluster_size", 0)),
        "conf_id": int(found.get("wsrep_cluster_conf_id", 0)),
        "incoming_addresses": found.get("wsrep_incoming_addresses", ""),
        # 2^64-1 where nothing is known (https://github.com/codership/galera/issues/133).
        "last_committed": __utils__["openstack_ha_galera.seqno"](found.get("wsrep_last_committed")),
        "local_state": int(found.get("wsrep_local_state", 0)),
        "local_state_comment": found.get("wsrep_local_state_comment", ""),
        "is_ready": found.get("wsrep_ready") == "ON",
        "is_desynced": bool(is_desynced),
    }


def _wait_synced():
    """Wait while the server catches up, however long; outside a Primary component it does not."""
    outside = 0
    while True:
        now = status()
        if now["is_synced"]:
            return now
        if now["server"] != "running":
            raise CommandExecutionError(
                f"the database on {__opts__['id']} is {now['server']} instead of Synced; "
                f"`journalctl -u {UNIT}` has its log"
            )
        outside = 0 if now["wsrep"]["cluster_status"] == "Primary" else outside + SYNC_POLL
        if outside >= REUNION_TIMEOUT:
            raise CommandExecutionError(
                f"the database on {__opts__['id']} runs, and has not reached the Primary component "
                f"for {outside} s; does the network let it reach the other controllers?"
            )
        time.sleep(SYNC_POLL)


def _floor():
    text = _content(FLOOR)
    return json.loads(text) if text else None


def _remember(position):
    if position != _floor():
        _write(FLOOR, json.dumps(position))


def _grastate():
    return __utils__["openstack_ha_galera.grastate"](_content(f"{DATADIR}/grastate.dat"))


def _last_view():
    return __utils__["openstack_ha_galera.gvwstate"](_content(f"{DATADIR}/gvwstate.dat"))


def _is_pristine(grastate):
    """Nothing to lose: never part of a cluster, and no schema but the server's own."""
    if grastate["uuid"] != __utils__["openstack_ha_galera.grastate"]("")["uuid"]:
        return False
    schemas = {os.path.basename(path.rstrip("/")) for path in glob.glob(f"{DATADIR}/*/")}
    return schemas <= OWN_SCHEMAS


def _position(grastate):
    """The position of a clean stop, else what the server itself recovers from its data."""
    # With a view left over the server crashed, and a seqno there is of an earlier stop:
    # https://github.com/codership/galera/issues/499
    if grastate["seqno"] >= 0 and not os.path.exists(f"{DATADIR}/gvwstate.dat"):
        return {"uuid": grastate["uuid"], "seqno": grastate["seqno"]}
    # A log of its own: in the server's log, an older run's line would be taken for the answer.
    folder = tempfile.mkdtemp(prefix="openstack_ha-")
    try:
        shutil.chown(folder, "mysql")
        log_file = f"{folder}/recover.log"
        _run(
            ["mariadbd", "--user=mysql", "--wsrep-recover", f"--log-error={log_file}"],
            timeout=RECOVER_TIMEOUT,
        )
        found = __utils__["openstack_ha_galera.recovered"](_content(log_file))
    finally:
        shutil.rmtree(folder)
    return found or {"uuid": grastate["uuid"], "seqno": -1}


def _refuse_beside_others():
    """Two first servers would be two clusters, whatever a silent controller's minion does."""
    view, own = __salt__["openstack_ha.view"](), __opts__["id"]
    ports = (GROUP_PORT, view["galera"]["port"])
    doors = [(one, port) for one in view["controllers"] if one["id"] != own for port in ports]
    if not doors:
        return
    knock = __utils__["openstack_ha_knock.at"]
    # A host that is dead lets each knock wait.
    with concurrent.futures.ThreadPoolExecutor(len(doors)) as pool:
        heard = list(pool.map(lambda door: knock(door[0]["address"], door[1])["serves"], doors))
    for (node, port), is_heard in zip(doors, heard, strict=True):
        if is_heard:
            raise CommandExecutionError(
                f"{own} was to start a cluster, and the database of {node['id']} answers on "
                f"{node['address']}:{port}; nothing was done. There, `systemctl restart "
                f"salt-minion` has its minion answer, `systemctl stop {UNIT}` stops its database"
            )


def _as_member():
    """
    Have every start from now on be a member's: the variable stays in systemd's environment where a
    bootstrap was cut off, by a person's galera_new_cluster too, and makes a cluster of its own.
    """
    _run(["systemctl", "unset-environment", NEW_CLUSTER], timeout=30)


def _allow_bootstrap():
    """Set safe_to_bootstrap as the word says, with a copy of what stood there."""
    path = pathlib.Path(DATADIR, "grastate.dat")
    if not path.exists():
        return
    shutil.copy2(path, f"{path}.before-bootstrap")
    text = path.read_text(encoding="utf-8")
    with path.open("w", encoding="utf-8") as handle:
        handle.write(text.replace("safe_to_bootstrap: 0", "safe_to_bootstrap: 1"))


def _write(path, text):
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with salt.utils.atomicfile.atomic_open(path, "w") as handle:
        handle.write(text)


def _content(path):
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _run(argv, timeout):
    result = __salt__["cmd.run_all"](argv, python_shell=False, timeout=timeout)
    if result["retcode"]:
        raise CommandExecutionError(
            f"`{' '.join(argv)}` on {__opts__['id']} ended with {result['retcode']}: "
            f"{result['stderr'] or result['stdout']}"
        )
    return result["stdout"]
