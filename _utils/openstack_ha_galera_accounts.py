"""
SQL accounts: what should be, what is, and the statements between the two.
"""

import hashlib
import re

import openstack_ha_db_sync

# SHOW GRANTS joins all rights on a database to this one line.
_GRANT_ALL = re.compile(r"^GRANT ALL PRIVILEGES ON `((?:[^`]|``)+)`\.\* TO ")


def native_password(password):
    """
    Return what MariaDB stores for a password of mysql_native_password.

    password
        The password. https://mariadb.com/kb/en/password/
    """
    inner = hashlib.sha1(password.encode()).digest()
    return "*" + hashlib.sha1(inner).hexdigest().upper()


def of_systems(systems):
    """
    Return the accounts of the formula's own systems, as ``{name: {"databases": [..]}}``: a service
    with a schema has an account of the same name, with all of its databases.

    systems
        Those that run somewhere in the cluster.
    """
    return {
        name: {"databases": openstack_ha_db_sync.databases(name)}
        for name in openstack_ha_db_sync.services(systems)
    }


def granted_databases(grants):
    """
    Return the databases on which an account has all rights.

    grants
        The lines of SHOW GRANTS.
    """
    matches = (_GRANT_ALL.match(line) for line in grants)
    return sorted(match[1].replace("\\_", "_") for match in matches if match)


def diff(desired, actual):
    """
    Return what differs, as ``{"databases": [..], "accounts": {name: reason}}``.

    desired
        ``{name: {"hash", "databases"}}``.

    actual
        ``{"databases": [..], "accounts": {name: {"hash", "databases"}}}``.
    """
    wanted = {database for account in desired.values() for database in account["databases"]}
    accounts = {}
    for name, account in desired.items():
        found = actual["accounts"].get(name)
        if found is None:
            accounts[name] = "is absent"
        elif found["hash"] != account["hash"]:
            accounts[name] = "has another password"
        elif not set(account["databases"]) <= set(found["databases"]):
            lacking = sorted(set(account["databases"]) - set(found["databases"]))
            accounts[name] = f"has no rights on {', '.join(lacking)}"
    return {"databases": sorted(wanted - set(actual["databases"])), "accounts": accounts}


def statements(pending, desired, host):
    """
    Return the SQL that takes away the difference, as pairs of statement and parameters.

    pending
        What ``diff`` returned.

    desired
        As for ``diff``.

    host
        The host part of every account.

    Each statement may run on several controllers at once, or twice.
    """
    sql = [(f"CREATE DATABASE IF NOT EXISTS {_quoted(name)}", ()) for name in pending["databases"]]
    for name in pending["accounts"]:
        account = desired[name]
        sql.append(("CREATE USER IF NOT EXISTS %s@%s", (name, host)))
        sql.append(
            (
                "ALTER USER %s@%s IDENTIFIED VIA mysql_native_password USING %s",
                (name, host, account["hash"]),
            )
        )
        for database in account["databases"]:
            # An underscore is a wildcard in the database of a GRANT.
            pattern = _quoted(database.replace("_", "\\_"))
            sql.append((f"GRANT ALL PRIVILEGES ON {pattern}.* TO %s@%s", (name, host)))
    return sql


def _quoted(identifier):
    return "`" + identifier.replace("`", "``") + "`"
