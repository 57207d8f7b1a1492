"""
Keystone's objects: what should be, what is, and the requests between the two.

Both sides have one shape, ``{kind: {key: attributes}}``, and a key is made of names alone:

=========== ==================================== ==========================
kind        key                                  attributes
=========== ==================================== ==========================
domain      (name)                               description, enabled
project     (domain, name)                       description, enabled
user        (domain, name)                       description, email, enabled
role        (name)
service     (type, name)                         enabled
endpoint    (service type, interface, region)    url, enabled
assignment  (role, user's domain, user, scope)
=========== ==================================== ==========================

A scope is ``system:all``, ``domain:<domain>`` or ``project:<domain>/<project>``. What is there has
its ``id`` too, and ``is_ours`` when the formula has made it.
"""

import openstack_ha_systems
import openstack_ha_tls

KINDS = ("domain", "project", "user", "role", "service", "endpoint", "assignment")
INTERFACES = ("admin", "internal", "public")
DEFAULT_DOMAIN = "Default"
SERVICE_PROJECT = "service"
# An attribute of Keystone's free ones: what has it may be removed when the pillar drops it.
MARK = "made_by"
MAKER = "openstack_ha"

# The services that the cloud's catalog names, by the system that runs them.
SERVICES = openstack_ha_systems.catalog()


def users(cluster, systems):
    """
    Return the names of the users that the cluster's own services and its pillar ask for.

    cluster
        A cluster with its defaults, or a view.

    systems
        The systems that run somewhere in it.
    """
    own = [row["user"] for row in _services(cluster, systems) if "user" in row]
    return [*own, *cluster.get("keystone", {}).get("users", {})]


def wanted(view, systems):
    """
    Return what should be.

    view
        What ``openstack_ha.view`` returns.

    systems
        The systems that run somewhere in the cluster.
    """
    options, rows = view["keystone"], _services(view, systems)
    found = {kind: {} for kind in KINDS}
    found["project"][DEFAULT_DOMAIN, SERVICE_PROJECT] = {
        "description": "the services' own",
        "enabled": True,
    }
    for row in rows:
        found["service"][row["type"], row["name"]] = {"enabled": True}
        for interface in INTERFACES:
            found["endpoint"][row["type"], interface, options["region"]] = {
                "url": _url(view, row),
                "enabled": True,
            }
        if "user" in row:
            found["user"][DEFAULT_DOMAIN, row["user"]] = {"enabled": True}
            scope = f"project:{DEFAULT_DOMAIN}/{SERVICE_PROJECT}"
            found["assignment"]["admin", DEFAULT_DOMAIN, row["user"], scope] = {}
    for name, facts in options["domains"].items():
        found["domain"][(name,)] = {**facts, "enabled": True}
    for kind, section in (("project", "projects"), ("user", "users")):
        for name, facts in options[section].items():
            attributes = {key: value for key, value in facts.items() if key != "domain"}
            found[kind][facts["domain"], name] = attributes
    for name in options["roles"]:
        found["role"][(name,)] = {}
    for grant in options["assignments"]:
        key = (grant["role"], grant["user_domain"], grant["user"], _scope(grant))
        found["assignment"][key] = {}
    return found


def known(raw):
    """
    Return what is.

    raw
        Keystone's lists by their names: domains, projects, users, roles, services, endpoints, and
        role_assignments.
    """
    names = {
        kind: {one["id"]: one.get("name", "") for one in raw[f"{kind}s"]}
        for kind in ("domain", "project", "user", "role")
    }
    types = {one["id"]: one["type"] for one in raw["services"]}
    homes = {
        kind: {one["id"]: names["domain"].get(one["domain_id"], "") for one in raw[f"{kind}s"]}
        for kind in ("project", "user")
    }
    found = {kind: {} for kind in KINDS}
    for kind, attributes, key in (
        ("domain", ("description", "enabled"), lambda one: (one["name"],)),
        (
            "project",
            ("description", "enabled"),
            lambda one: (homes["project"][one["id"]], one["name"]),
        ),
        (
            "user",
            ("description", "email", "enabled"),
            lambda one: (homes["user"][one["id"]], one["name"]),
        ),
        ("role", (), lambda one: (one["name"],)),
        ("service", ("enabled",), lambda one: (one["type"], one.get("name", ""))),
        (
            "endpoint",
            ("url", "enabled"),
            lambda one: (types.get(one["service_id"], ""), one["interface"], one["region_id"]),
        ),
    ):
        for one in raw[f"{kind}s"]:
            if kind == "role" and one.get("domain_id"):
                continue
            found[kind][key(one)] = {
                **{name: one.get(name) or _empty(name) for name in attributes},
                "id": one["id"],
                "is_ours": one.get(MARK) == MAKER,
            }
    for one in raw["role_assignments"]:
        if "user" not in one or "OS-INHERIT:inherited_to" in one["scope"]:
            continue
        user, role = one["user"]["id"], one["role"]["id"]
        scope = _scope_of(one["scope"], names, homes)
        if user in names["user"] and role in names["role"] and scope:
            key = (names["role"][role], homes["user"][user], names["user"][user], scope)
            found["assignment"][key] = {}
    return found


def diff(should, found, passwords, prune=False):
    """
    Return what differs as a list of ``{"kind", "key", "change", "old", "new"}`` in the order in
    which it can be put right; ``change`` is ``create``, ``update`` or ``remove``.

    should, found
        What ``wanted`` and ``known`` return.

    passwords
        Whether the pillar's password is the user's, by ``(domain, name)``.

    prune
        Whether what the formula has made and the pillar does not name any more is to go.
    """
    changes = []
    for kind in KINDS:
        for key, new in should[kind].items():
            old = found[kind].get(key)
            if old is None:
                changes.append(_change(kind, key, "create", None, new))
                continue
            other = {name: value for name, value in new.items() if old.get(name) != value}
            before = {name: old.get(name) for name in other}
            if kind == "user" and passwords.get(key) is False:
                before["password"], other["password"] = "another", "the pillar's"
            if other:
                changes.append(_change(kind, key, "update", before, other))
    return changes + (_leavers(should, found) if prune else [])


def _leavers(should, found):
    """What goes, in an order in which nothing is lost that hangs on it."""
    ours = {key for key, one in found["user"].items() if one["is_ours"]} | set(should["user"])
    gone = []
    for kind in reversed(KINDS):
        for key, one in found[kind].items():
            is_ours = tuple(key[1:3]) in ours if kind == "assignment" else one["is_ours"]
            if is_ours and key not in should[kind]:
                gone.append(_change(kind, key, "remove", "present", None))
    return gone


def requests(changes, found):
    """
    Return the requests that take differences away, as far as the ids they need are known; the rest
    comes when those objects are there.

    changes
        What ``diff`` returned.

    found
        What ``known`` returned.

    Returns a list of ``{"method", "path", "body", "user"}``; ``user`` is the key of the user whose
    password whoever sends it has to add to the body, or None.
    """
    made = []
    for change in changes:
        request = _request(change, found)
        if request:
            made.append(request)
    return made


def _request(change, found):
    kind, key = change["kind"], change["key"]
    if kind == "assignment":
        path = _grant_path(key, found)
        method = "DELETE" if change["change"] == "remove" else "PUT"
        return path and {"method": method, "path": path, "body": None, "user": None}
    if change["change"] == "remove":
        return _removal(kind, found[kind][key]["id"])
    new = {name: value for name, value in change["new"].items() if name != "password"}
    has_password = kind == "user" and (change["change"] == "create" or "password" in change["new"])
    user = list(key) if has_password else None
    if change["change"] == "update":
        path = f"/{kind}s/{found[kind][key]['id']}"
        return {"method": "PATCH", "path": path, "body": {kind: new}, "user": user}
    names = _names(kind, key, found)
    if names is None:
        return None
    body = {kind: {**names, **new, MARK: MAKER}}
    return {"method": "POST", "path": f"/{kind}s", "body": body, "user": user}


def _removal(kind, its_id):
    if kind == "domain":
        # Keystone refuses to delete an enabled one, with all that is in it: a person's doing.
        return None
    return {"method": "DELETE", "path": f"/{kind}s/{its_id}", "body": None, "user": None}


def _names(kind, key, found):
    """What a new object's key is in Keystone's words; None while an id is not known."""
    if kind in ("domain", "role"):
        return {"name": key[0]}
    if kind == "service":
        return {"type": key[0], "name": key[1]}
    if kind == "endpoint":
        services = [
            one["id"] for (its_type, _), one in found["service"].items() if its_type == key[0]
        ]
        if not services:
            return None
        return {"service_id": services[0], "interface": key[1], "region_id": key[2]}
    domain = found["domain"].get((key[0],))
    return domain and {"domain_id": domain["id"], "name": key[1]}


def _grant_path(key, found):
    role_name, domain, user_name, scope = key
    where, _, name = scope.partition(":")
    role, user = found["role"].get((role_name,)), found["user"].get((domain, user_name))
    if where == "system":
        target = "/system"
    else:
        parts = (name,) if where == "domain" else tuple(name.split("/", 1))
        one = found[where].get(parts)
        target = one and f"/{where}s/{one['id']}"
    if not (role and user and target):
        return None
    return f"{target}/users/{user['id']}/roles/{role['id']}"


def _change(kind, key, change, old, new):
    return {"kind": kind, "key": key, "change": change, "old": old, "new": new}


def _services(view, systems):
    """The rows of the systems that run, and that ask Keystone."""
    found = []
    for system in systems:
        row = SERVICES.get(system)
        if row and ("only_if" not in row or _lookup(view, row["only_if"][0]) == row["only_if"][1]):
            found.append(row)
    return found


def _url(view, row):
    return openstack_ha_tls.url(view, _lookup(view, row["port"])) + row["path"]


def _lookup(tree, path):
    for part in path.split(":"):
        tree = tree.get(part, {})
    return tree


def _scope(grant):
    if "project" in grant:
        return f"project:{grant['project_domain']}/{grant['project']}"
    return f"domain:{grant['domain']}" if "domain" in grant else "system:all"


def _scope_of(scope, names, homes):
    if "system" in scope:
        return "system:all"
    if "domain" in scope:
        name = names["domain"].get(scope["domain"]["id"])
        return name and f"domain:{name}"
    its_id = scope["project"]["id"]
    name = names["project"].get(its_id)
    return name and f"project:{homes['project'][its_id]}/{name}"


def _empty(name):
    return False if name == "enabled" else ""
