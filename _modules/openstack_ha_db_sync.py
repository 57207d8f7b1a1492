"""
The schemas of this controller's services, and their own commands that make them.

A schema is made once, by the word of the master's runner of the same name.
"""

import contextlib
import importlib.metadata
import os
import pathlib
import shutil

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_db_sync"

DATABASE_SOCKET = "/run/mysqld/mysqld.sock"
# Errors of MariaDB: no such database, no such table.
ABSENT = (1049, 1146)
SQL_TIMEOUT = 10
# A schema of millions of rows takes its time.
SYNC_TIMEOUT = 3600
# What has been found during one look at this node.
KNOWN = "openstack_ha_db_sync.known"


def __virtual__():
    return __virtualname__


def evidence():
    """
    Return what the master decides by, by service; ``openstack_ha_db_sync`` of the utils explains
    it.

    Raises CommandExecutionError when something cannot be told.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_db_sync.evidence
    """
    systems = __utils__["openstack_ha_cluster.systems"](
        __salt__["openstack_ha.view"](), __opts__["id"]
    )
    return {one: _said(one) for one in __utils__["openstack_ha_db_sync.services"](systems)}


def is_ready(service):
    """
    Return whether a service's own command could run: its program and its configuration are there.

    service
        Its name, e.g. ``keystone``.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_db_sync.is_ready keystone
    """
    facts = _facts(service)
    return bool(shutil.which(facts["command"])) and all(map(os.path.exists, facts["config"]))


@contextlib.contextmanager
def one_look():
    """
    Return a context in which ``pending`` looks once for each service, however many ask. For
    modules; on the command line there is nothing that is asked in it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha.evidence
    """
    __context__[KNOWN] = {}
    try:
        yield
    finally:
        __context__.pop(KNOWN, None)


def pending(service):
    """
    Return what a service's schema lacks for the package of this node: ``sync``, ``expand``,
    ``contract``, ``nothing``, of several databases the worst; None when the database does not
    answer.

    service
        Its name, e.g. ``keystone``.

    Raises CommandExecutionError when the package's migrations cannot be read.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_db_sync.pending keystone
    """
    known = __context__.get(KNOWN, {})
    if service not in known:
        facts = _facts(service)
        found = [_lacks(service, facts, database) for database in facts["databases"].values()]
        known[service] = __utils__["openstack_ha_db_sync.worst"](found)
    return known[service]


def sync(service):
    """
    Bring a service's schema to what this node's package needs, as a whole; the master's word only.

    service
        Its name.

    Returns ``{"pending": ..}`` as ``pending`` does.

    Raises CommandExecutionError when the service's command fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo db_sync
    """
    return _step(service, "sync")


def expand(service):
    """
    Add to a service's schema what this node's package needs, and take nothing away that an older
    one uses; the master's word only.

    service
        Its name.

    Returns ``{"pending": ..}`` as ``pending`` does.

    Raises CommandExecutionError when the service's command fails.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo db_sync
    """
    return _step(service, "expand")


def manage(service, arguments, timeout, env=None):
    """
    Run a service's own command as its user, with the database of this node.

    service
        Its name.

    arguments
        A list, without secrets.

    timeout
        Seconds.

    env
        Further variables of its environment, where secrets go.

    Raises CommandExecutionError when it fails.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_db_sync.manage keystone '[doctor]' 60
    """
    _run(service, arguments, timeout, env)


def rows(statement):
    """
    Return the rows of a SELECT in this node's database: none where the schema or the table is
    absent, None where the database does not answer.

    statement
        A statement.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_db_sync.rows 'SELECT version_num FROM keystone.alembic_version'
    """
    import pymysql

    try:
        with _connected() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return [list(row) for row in cursor.fetchall()]
    except pymysql.MySQLError as exc:
        # Any other controller's answer does: the database is theirs together.
        return [] if exc.args and exc.args[0] in ABSENT else None


def change(statement, parameters):
    """
    Change rows in this node's database; the master's word only.

    statement
        A statement, with ``%s`` for each parameter.

    parameters
        A list.

    Returns how many rows have changed.

    Raises CommandExecutionError when the database does not do it.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_coordinator.plan demo nova
    """
    import pymysql

    try:
        with _connected() as connection, connection.cursor() as cursor:
            count = cursor.execute(statement, parameters)
            connection.commit()
            return count
    except pymysql.MySQLError as exc:
        raise CommandExecutionError(
            f"the database of {__opts__['id']} refused `{statement}`: {exc.args}"
        ) from exc


def _connected():
    import pymysql

    return pymysql.connect(
        unix_socket=DATABASE_SOCKET,
        user="root",
        connect_timeout=SQL_TIMEOUT,
        read_timeout=SQL_TIMEOUT,
    )


def _lacks(service, facts, database):
    folder = pathlib.Path(database["migrations"])
    have = rows(database["revisions"])
    try:
        scripts = {
            # Numbers stand in the names.
            str(path.relative_to(folder)): ""
            if database["is_numbered"]
            else path.read_text(encoding="utf-8")
            for path in folder.rglob("*.py")
        }
        return __utils__["openstack_ha_db_sync.pending"](
            scripts,
            None if have is None else [row[0] for row in have],
            database["is_linear"],
            database["is_numbered"],
        )
    except (OSError, SyntaxError, ValueError) as exc:
        raise CommandExecutionError(
            f"which schema {service} needs is not known: {folder}: {exc}; is "
            + _mends(service, facts)
        ) from exc


def _mends(service, facts):
    if "libraries" not in facts:
        return f"its package whole? `apt-get install --reinstall python3-{service}`"
    release = pathlib.Path(facts["libraries"]).resolve().parents[2]
    return f"its release whole? `rm -r {release}`, and `salt-call state.highstate` unpacks it anew"


def _version(facts):
    if "libraries" not in facts:
        return __salt__["pkg.version"](facts["package"]) or None
    # By its own path: what was read of the release before is remembered by path.
    folder = os.path.realpath(facts["libraries"])
    found = importlib.metadata.distributions(name=facts["package"], path=[folder])
    return next((one.version for one in found), None)


def _said(service):
    version = _version(_facts(service))
    return {
        "is_ready": is_ready(service),
        "version": version,
        "pending": pending(service) if version else None,
    }


def _step(service, name):
    told = [_run(service, list(one), SYNC_TIMEOUT) for one in _facts(service)[name]]
    lacking = pending(service)
    if lacking in ("sync", "expand"):
        # Nova's command ends well when cell0's database failed, and has only told so.
        raise CommandExecutionError(
            f"the schema of {service} on {__opts__['id']} still lacks {lacking}, though its "
            f"commands ended well: {' | '.join(told)}"
        )
    return {"pending": lacking}


def _run(service, arguments, timeout, env=None):
    """The last lines that a service's command printed."""
    facts = _facts(service)
    files = [word for path in facts["config"] for word in ("--config-file", path)]
    user = [f"--reuid={facts['user']}", f"--regid={facts['user']}", "--init-groups"]
    argv = ["setpriv", *user, facts["command"], *files, *arguments]
    result = __salt__["cmd.run_all"](argv, python_shell=False, timeout=timeout, env=env)
    if result["retcode"]:
        raise CommandExecutionError(
            f"`{' '.join(argv)}` on {__opts__['id']} ended with {result['retcode']}: "
            + _end(result["stderr"] or result["stdout"])
        )
    return _end(result["stdout"] or result["stderr"])


def _end(text):
    return " | ".join(text.strip().splitlines()[-5:])


def _facts(service):
    try:
        return __utils__["openstack_ha_db_sync.facts"](service)
    except KeyError:
        raise CommandExecutionError(f"{service!r} is no service with a schema") from None
