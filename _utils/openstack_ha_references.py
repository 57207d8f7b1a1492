"""
What the cluster file calls by name: whether it is there, and whether the name is free.
"""

import openstack_ha_db_sync
import openstack_ha_identity
import openstack_ha_rabbitmq
import openstack_ha_systems

DOMAIN = openstack_ha_identity.DEFAULT_DOMAIN
ROLES = ("admin", "member", "reader")
# `keystone-manage bootstrap` makes the first two.
ADMIN = "admin"
DATABASES = ("mysql", "information_schema", "performance_schema", "sys")
ACCOUNTS = ("health", "root", "mysql", "mariadb.sys")
BROKER_USERS = ("health", "guest")


def faults(cluster):
    """
    Return what is named and not there, and what has a name that is taken, a line each.

    cluster
        The cluster file's content with its defaults.
    """
    return [*_broker_faults(cluster), *_sql_faults(cluster), *_identity_faults(cluster)]


def _broker_faults(cluster):
    section, found = cluster["rabbitmq"], []
    services = {user for user in openstack_ha_systems.messages().values() if isinstance(user, str)}
    found += _reserved("rabbitmq:users", section["users"], {*BROKER_USERS, *services})
    places = [
        (f"rabbitmq:users:{name}:vhosts", vhost)
        for name, user in section["users"].items()
        for vhost in user["vhosts"]
    ]
    places += [
        (f"rabbitmq:policies:{name}:vhost", policy["vhost"])
        for name, policy in section["policies"].items()
    ]
    found += _reserved(
        "rabbitmq:policies", section["policies"], {openstack_ha_rabbitmq.MIRRORED_POLICY}
    )
    if section["queues"] != "quorum":
        found += _meeting_policies(section["policies"])
    return found + [
        f"{path}: there is no vhost {vhost!r}; name it in rabbitmq:vhosts"
        for path, vhost in places
        if vhost not in section["vhosts"]
    ]


def _meeting_policies(policies):
    """Of two policies with the same priority RabbitMQ takes whichever it finds first."""
    return [
        f"rabbitmq:policies:{name}:priority: {policy['priority']} is that of the formula's own "
        f"policy, which mirrors the queues that {policy['pattern']!r} matches; give it a higher "
        "one, with ha-mode in its definition, since one policy alone counts for a queue"
        for name, policy in policies.items()
        if policy["priority"] == openstack_ha_rabbitmq.MIRRORED_PRIORITY
        and policy["apply_to"] != "exchanges"
        and not openstack_ha_rabbitmq.is_beside_mirrored(policy["pattern"])
    ]


def _sql_faults(cluster):
    section = cluster["galera"]["accounts"]
    services = openstack_ha_systems.schemas()
    schemas = {one for name in services for one in openstack_ha_db_sync.databases(name)}
    found = _reserved("galera:accounts", section, {*ACCOUNTS, *services})
    for name, account in section.items():
        found += _reserved(
            f"galera:accounts:{name}:databases", account["databases"], {*DATABASES, *schemas}
        )
    return found


def _identity_faults(cluster):
    section = cluster["keystone"]
    services = {row["user"] for row in openstack_ha_identity.SERVICES.values() if "user" in row}
    domains = {DOMAIN, *section["domains"]}
    users = {(one["domain"], name) for name, one in section["users"].items()}
    users |= {(DOMAIN, name) for name in {ADMIN, *services}}
    projects = {(one["domain"], name) for name, one in section["projects"].items()}
    projects |= {(DOMAIN, ADMIN), (DOMAIN, openstack_ha_identity.SERVICE_PROJECT)}
    roles = {*ROLES, *section["roles"]}
    found = _reserved("keystone:domains", section["domains"], {DOMAIN})
    found += _reserved("keystone:roles", section["roles"], ROLES)
    found += _reserved(
        "keystone:projects", section["projects"], {ADMIN, openstack_ha_identity.SERVICE_PROJECT}
    )
    found += _reserved("keystone:users", section["users"], {ADMIN, *services})
    for kind in ("projects", "users"):
        found += [
            f"keystone:{kind}:{name}:domain: there is no domain {one['domain']!r}; "
            "name it in keystone:domains"
            for name, one in section[kind].items()
            if one["domain"] not in domains
        ]
    for index, grant in enumerate(section["assignments"]):
        path = f"keystone:assignments:{index}"
        scopes = [key for key in ("project", "domain", "system") if key in grant]
        if "user" not in grant:
            found.append(f"{path}:user: is missing; name who gets the role")
        elif (grant["user_domain"], grant["user"]) not in users:
            found.append(
                f"{path}:user: there is no user {grant['user']!r} in the domain "
                f"{grant['user_domain']!r}; name it in keystone:users"
            )
        if grant["role"] not in roles:
            found.append(
                f"{path}:role: there is no role {grant['role']!r}; name it in keystone:roles"
            )
        if len(scopes) != 1:
            found.append(
                f"{path}: names {' and '.join(scopes) or 'no place'}; name one of project, "
                "domain, or system: all"
            )
        elif scopes == ["domain"] and grant["domain"] not in domains:
            found.append(
                f"{path}:domain: there is no domain {grant['domain']!r}; "
                "name it in keystone:domains"
            )
        elif scopes == ["project"] and (grant["project_domain"], grant["project"]) not in projects:
            found.append(
                f"{path}:project: there is no project {grant['project']!r} in the domain "
                f"{grant['project_domain']!r}; name it in keystone:projects"
            )
    return found


def _reserved(path, names, taken):
    """Keystone and MariaDB take two names that differ in case alone for one."""
    owners, found = {name.casefold(): None for name in taken}, []
    for name in names:
        key = name.casefold()
        if key in owners:
            whose = owners[key] or "the formula's or its programs' own"
            found.append(f"{path}: {name!r} is {whose}, whatever the case; take another name")
        owners.setdefault(key, f"the name {name!r}")
    return found
