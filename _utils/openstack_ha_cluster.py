"""
The cluster file: ranges, cross checks, and the view of one minion.

A view has the shape of the cluster file, so a plain pillar of that shape works as well, and the
view of a view is the view itself.
"""

import re

import openstack_ha_listeners
import openstack_ha_machines_network
import openstack_ha_nova_migration_key as migration_key
import openstack_ha_references
import openstack_ha_schema
import openstack_ha_secret_options
import openstack_ha_secrets
import openstack_ha_systems
import openstack_ha_tls

# The systems' parts in the order in which they come up, with the roles whose nodes have them; the
# other sections of options that each reads; and what the master looks after, with the parts whose
# nodes it asks about that.
SYSTEMS = {name: part["roles"] for name, part in openstack_ha_systems.parts().items()}
READS = openstack_ha_systems.reads()
LOOKED_AFTER = openstack_ha_systems.coordinated()

HOSTNAME = re.compile(r"[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
FIRST_VRRP_PRIORITY = 150
IPV4 = 4
MOST_NODES = 10000
# Characters of a name, by RFC 1035.
LONGEST_NAME = 253
# /etc/hosts and YAML have another meaning for them.
NO_NAMES = {
    *("localhost", "ip6-localhost", "ip6-loopback", "ip6-allnodes", "ip6-allrouters"),
    *("no", "yes", "on", "off", "true", "false", "null", "y", "n"),
}
NO_HOSTNAMES = {*NO_NAMES, "vip"}

# What Swift calls the policy of the index 0 where nobody has named one.
FIRST_POLICY = "Policy-0"

COOKIE = ("rabbitmq", "erlang_cookie")
# rabbitmq-server.postinst removes a cookie of this form.
DEBIANS_OWN_COOKIE = re.compile(r"[A-Z]{20}")
_ID_RANGE = re.compile(r"^(?P<head>[^\[\]]*)\[(?P<first>\d+)-(?P<last>\d+)\](?P<tail>[^\[\]]*)$")


class RangeError(ValueError):
    """A range that cannot be expanded."""


def node_ids(spec):
    """
    Return the minion ids that a key of ``nodes`` stands for.

    spec
        A minion id, or a range such as ``ctl[1-3].example.org`` or ``cmp[01-20]``.

    Raises RangeError when the range runs backwards.
    """
    match = _ID_RANGE.match(spec)
    if not match:
        return [spec]
    first, last = match["first"], match["last"]
    if int(last) < int(first):
        raise RangeError(f"the range [{first}-{last}] runs backwards")
    _bounded(int(last) - int(first) + 1, spec)
    width = len(first) if first.startswith("0") else 0
    return [
        f"{match['head']}{number:0{width}d}{match['tail']}"
        for number in range(int(first), int(last) + 1)
    ]


def addresses(spec):
    """
    Return the addresses that a node's ``address`` stands for, as text.

    spec
        An address, or a range such as ``10.0.0.11-13``.

    Raises RangeError when it is neither.
    """
    import netaddr

    if netaddr.valid_ipv6(spec):
        raise RangeError(f"{spec!r} is IPv6, which is not supported; take an IPv4 address")
    try:
        if netaddr.valid_nmap_range(spec):
            _bounded(_size(spec), spec)
            return [str(address) for address in netaddr.iter_nmap_range(spec)]
        return [str(netaddr.IPAddress(spec))]
    except RangeError:
        raise
    except (netaddr.AddrFormatError, ValueError) as exc:
        raise RangeError(f"{spec!r} is no address and no range of addresses") from exc


def _bounded(count, spec):
    if count > MOST_NODES:
        raise RangeError(f"{spec!r} stands for {count}, and {MOST_NODES} are the most")


def _size(spec):
    """How many addresses a range has, without making them."""
    if "/" in spec:
        return 2 ** (32 - int(spec.partition("/")[2]))
    count = 1
    for octet in spec.split("."):
        parts = [part.partition("-") for part in octet.split(",")]
        count *= sum(
            int(last or (255 if sign else first)) - int(first or 0) + 1
            for first, sign, last in parts
        )
    return count


def expand(cluster):
    """
    Return a copy of the cluster in which every node stands by its own minion id.

    cluster
        The cluster file's content; its shape has been checked.

    Raises RangeError with the node's key when ids and addresses do not pair up.
    """
    nodes = {}
    for spec, node in cluster["nodes"].items():
        ids, found = node_ids(spec), addresses(node["address"])
        if len(ids) != len(found):
            raise RangeError(
                f"{spec} names {len(ids)} nodes and {node['address']} {len(found)} addresses"
            )
        for minion_id, address in zip(ids, found, strict=True):
            if minion_id in nodes:
                raise RangeError(f"{minion_id} is named twice")
            nodes[minion_id] = {
                "hostname": minion_id.split(".")[0],
                **node,
                "address": address,
            }
    return {**cluster, "nodes": nodes}


def complete(cluster):
    """
    Return the cluster with its ranges expanded and every default filled in.

    cluster
        The cluster file's content, free of faults.
    """
    import netaddr

    filled = openstack_ha_schema.with_defaults(expand(cluster))
    management = netaddr.IPNetwork(filled["network"]["management"])
    filled["vip"].setdefault("prefixlen", management.prefixlen)
    filled["vip"].setdefault("fqdn", fqdn(filled))
    for node in filled["nodes"].values():
        for name, device in node.get("storage", {}).get("devices", {}).items():
            device.setdefault("path", f"/dev/{name}")
    return filled


def faults(cluster, minion_id=None):
    """
    Return every fault of the cluster file as a list of lines, each with path, value and remedy.

    cluster
        The content under the pillar key ``openstack_ha``.

    minion_id
        Check it as this minion's own view: the secrets of other roles may be missing.
    """
    shape = [
        ":".join(["openstack_ha", *map(str, fault["path"])]) + f": {fault['text']}"
        for fault in openstack_ha_schema.faults(cluster)
    ]
    found = []
    rules = [_network_faults, _vip_faults, _fqdn_faults, _node_faults, _controller_faults]
    rules += [_swift_faults, _compute_faults, openstack_ha_secret_options.faults]
    if minion_id is None:
        # A view does not have all nodes.
        rules += [_storage_faults, _table_faults]
    for rule in rules:
        found.extend(_lines(rule, shape, cluster))
    found.extend(_lines(openstack_ha_tls.faults, shape, cluster))
    found.extend(_lines(_machines_faults, shape, cluster))
    found.extend(_lines(_secret_faults, shape, cluster, minion_id))
    return shape + [f"openstack_ha:{line}" for line in found]


def misplaced(content):
    """
    Return the keys beside ``openstack_ha`` that belong below it, as secrets that were appended
    without their indentation; other keys are the file's own affair.

    content
        What the cluster file's renderers make of it.
    """
    return sorted(set(map(str, content)) & set(openstack_ha_schema.SCHEMA["properties"]))


def collisions(clusters):
    """
    Return what a cluster file claims that one before it has, as lines by file; nothing where each
    has its own.

    clusters
        Complete clusters by their file.
    """
    names, owners, found = {}, {}, {}
    for file, cluster in clusters.items():
        lines = []
        if cluster["name"] in names:
            lines.append(
                f"openstack_ha:name: {cluster['name']} is the name in {names[cluster['name']]} "
                "too; give one of them another"
            )
        for minion_id in sorted(set(owners) & set(cluster["nodes"])):
            lines.append(
                f"openstack_ha:nodes:{minion_id}: {minion_id} is a node in {owners[minion_id]} "
                "too; a node is of one cluster"
            )
        if lines:
            found[file] = lines
        names.setdefault(cluster["name"], file)
        owners.update({one: file for one in cluster["nodes"] if one not in owners})
    return found


def _lines(rule, shape, *arguments):
    """What a rule finds; a rule that stumbles over a shape that is named already finds nothing."""
    try:
        return rule(*arguments)
    except (AttributeError, KeyError, TypeError, ValueError):
        if not shape:
            raise
        return []


def _management(cluster):
    """The nodes' network, None where that is a fault of its own: nothing follows from it then."""
    import netaddr

    text = cluster["network"]["management"]
    try:
        return netaddr.IPNetwork(text) if "/" in text else None
    except (netaddr.AddrFormatError, ValueError):
        return None


def _address(text):
    import netaddr

    try:
        return netaddr.IPAddress(text)
    except (netaddr.AddrFormatError, ValueError):
        return None


def _network_faults(cluster):
    management, text = _management(cluster), cluster["network"]["management"]
    if management is None:
        return [f"network:management: {text!r} is no network such as 10.0.0.0/24"]
    if management.version != IPV4:
        return [f"network:management: {text!r} is IPv6, which is not supported; take an IPv4 one"]
    if management.ip != management.network:
        return [f"network:management: {text!r} has host bits set; the network is {management.cidr}"]
    return []


def _place_faults(path, address, management):
    """Why an address may not be used in the management network."""
    if management is None:
        return []
    if address not in management:
        return [f"{path}: {address} lies outside network:management {management.cidr}"]
    if address in (management.network, management.broadcast):
        return [f"{path}: {address} is the network's own or broadcast address"]
    return []


def fqdn(cluster):
    """
    Return the VIP's name; without one in the cluster file it is made of the cluster's.

    cluster
        The cluster file's content.
    """
    return cluster["vip"].get("fqdn", f"{cluster['name']}.vip")


def _fqdn_faults(cluster):
    """What the pattern of one that is given does not say."""
    name = fqdn(cluster)
    if "fqdn" in cluster["vip"]:
        is_good = len(name) <= LONGEST_NAME and name.lower() not in NO_NAMES
        return [] if is_good else [f"vip:fqdn: {openstack_ha_schema.NO_FQDN.format(name)}"]
    if re.fullmatch(openstack_ha_schema.FQDN_PATTERN, name):
        return []
    return [
        f"vip:fqdn: is missing, and {name!r}, made of the name, is no name of a host; name one, "
        "such as cloud.example.org"
    ]


def _vip_faults(cluster):
    text = cluster["vip"]["address"]
    address = _address(text)
    if address is None:
        return [f"vip:address: {text!r} is no address"]
    if address.version != IPV4:
        return [f"vip:address: {text!r} is IPv6, which is not supported; take an IPv4 address"]
    return _place_faults("vip:address", address, _management(cluster))


def _node_faults(cluster):
    found, owners, names = [], {}, {}
    management, vip = _management(cluster), _address(cluster["vip"]["address"])
    vip_name = fqdn(cluster).lower()
    for spec, node in cluster["nodes"].items():
        try:
            nodes = expand({"nodes": {spec: node}})["nodes"]
        except RangeError as exc:
            found.append(f"nodes:{spec}:address: {exc}")
            continue
        for minion_id, one in nodes.items():
            path, address = f"nodes:{minion_id}:address", _address(one["address"])
            found.extend(_place_faults(path, address, management))
            name = one["hostname"]
            if (
                not isinstance(name, str)
                or not HOSTNAME.fullmatch(name)
                or (name.lower() in NO_HOSTNAMES)
            ):
                found.append(
                    f"nodes:{minion_id}:hostname: {name!r} is no name of a host; it begins with a "
                    "letter and has letters, digits and dashes; give the node a hostname"
                )
            if address == vip:
                found.append(f"{path}: {address} is the VIP; the VIP is no node's address")
            if address in owners:
                found.append(f"{path}: {address} is the address of {owners[address]} too")
            if minion_id in owners.values():
                found.append(f"nodes:{spec}: {minion_id} is named twice")
            if minion_id.lower() == vip_name:
                found.append(
                    f"nodes:{minion_id}: is that of vip:fqdn, too, and the VIP moves from node to "
                    "node; give the VIP a name of its own"
                )
            if names.setdefault(name.lower(), minion_id) != minion_id:
                found.append(
                    f"nodes:{minion_id}:hostname: {name!r} is the name of {names[name.lower()]} "
                    "too, whatever the case; give one of them a hostname of its own"
                )
            owners.setdefault(address, minion_id)
    if vip_name in names:
        found.append(
            f"vip:fqdn: {fqdn(cluster)!r} is the name of {names[vip_name]}, and the VIP moves from "
            "node to node; give it a name of its own"
        )
    return found


def _table_faults(cluster):
    filled = openstack_ha_schema.with_defaults(cluster)
    return [*openstack_ha_listeners.faults(filled), *openstack_ha_references.faults(filled)]


def _controller_faults(cluster):
    count = 0
    for spec, node in cluster["nodes"].items():
        if "controller" in node["roles"]:
            try:
                count += len(node_ids(spec))
            except RangeError:
                return []
    if count == 0:
        return ["nodes: no node has the role controller; give it to three"]
    if count % 2 == 0 and not cluster.get("allow_even_controllers"):
        return [
            f"nodes: {count} controllers, an even number: a split down the middle leaves no "
            "majority; take an odd number, or set allow_even_controllers: true"
        ]
    return []


def _machines_faults(cluster):
    """A view does not have all nodes, and where no machine's network concerns it, not these."""
    nodes, is_whole = {}, "view_of" not in cluster
    if not is_whole and "nova_network" not in cluster:
        return []
    for spec, node in cluster["nodes"].items():
        try:
            nodes.update(expand({"nodes": {spec: node}})["nodes"])
        except RangeError:
            # Named where the nodes are checked.
            is_whole = False
    filled = openstack_ha_schema.with_defaults(cluster)
    return openstack_ha_machines_network.faults(filled, nodes, is_whole)


def _compute_faults(cluster):
    return [
        f"nodes:{spec}:compute: the node has no role compute; add it to its roles"
        for spec, node in cluster["nodes"].items()
        if "compute" in node and "compute" not in node["roles"]
    ]


def _ids(spec):
    try:
        return node_ids(spec)
    except RangeError:
        return []


def _storage_faults(cluster):
    """Whether the nodes that Swift needs are all there."""
    nodes, owner = cluster["nodes"], cluster.get("swift", {}).get("owner")
    found = []
    if owner is not None and not any(owner in _ids(spec) for spec in nodes):
        found.append(f"swift:owner: {owner!r} is not among openstack_ha:nodes")
    roles = {role for node in nodes.values() for role in node["roles"]}
    if "storage" in roles and "proxy" not in roles:
        found.append(
            "nodes: no node has the role proxy, so nobody reaches the storage nodes; give it to "
            "the controllers"
        )
    if "proxy" in roles and "storage" not in roles:
        found.append("nodes: no node has the role storage, so the proxies serve nothing")
    return found


def _swift_faults(cluster):
    nodes, section = cluster["nodes"], cluster.get("swift", {})
    names = {"account", "container", "object", *section.get("rings", {})}
    found = [*_policy_faults(section, names), *_ring_port_faults(section)]
    found += _replication_faults(cluster)
    for spec, node in nodes.items():
        path = f"nodes:{spec}:storage"
        storage = node.get("storage")
        if storage is None:
            continue
        if "storage" not in node["roles"]:
            found.append(f"{path}: the node has no role storage; add it to its roles")
        for device, facts in storage.get("devices", {}).items():
            for name in sorted(set(facts.get("rings", [])) - names):
                found.append(
                    f"{path}:devices:{device}:rings: there is no ring {name!r}; "
                    "name it in swift:rings"
                )
    return found


def _replication_faults(cluster):
    """Each node has an address for replication of its own, and no other node's."""
    owners, found = {_address(cluster["vip"]["address"]): ("the VIP", None)}, []
    for spec, node in cluster["nodes"].items():
        try:
            nodes = expand({"nodes": {spec: node}})["nodes"]
        except RangeError:
            continue
        owners.update({_address(one["address"]): (name, spec) for name, one in nodes.items()})
    for spec, node in cluster["nodes"].items():
        path, text = (
            f"nodes:{spec}:storage:replication_address",
            node.get("storage", {}).get("replication_address"),
        )
        if text is None:
            continue
        address = _address(text)
        if address is None or address.version != IPV4:
            found.append(f"{path}: {text!r} is no address of IPv4")
        elif not address.is_unicast() or address.is_loopback() or int(address) == 0:
            found.append(f"{path}: {text!r} is no address of a host")
        elif len(_ids(spec)) > 1:
            found.append(f"{path}: {spec} are several nodes, and {text} is one; name them singly")
        elif address in owners and owners[address][1] != spec:
            found.append(f"{path}: {text} is the address of {owners[address][0]} too")
        owners.setdefault(address, (f"{spec}'s replication", None))
    return found


def _policy_faults(section, rings):
    """Why policies and rings do not go together."""
    policies = section.get("policies") or {FIRST_POLICY: {"index": 0, "is_default": True}}
    found, known, owners = [], {}, {}
    for name, policy in policies.items():
        found += _policy_name_faults(name, policy, owners)
        path, index = f"swift:policies:{name}", policy["index"]
        if index in known:
            found.append(f"{path}:index: {index} is the index of {known[index]} too")
        known.setdefault(index, name)
        if _objects_ring(index) not in rings:
            found.append(f"{path}:index: swift:rings has no ring {_objects_ring(index)}; name it")
        if policy.get("is_default") and policy.get("is_deprecated"):
            found.append(f"{path}: a deprecated policy cannot be the default")
    defaults = [name for name, policy in policies.items() if policy.get("is_default")]
    if len(defaults) != 1:
        found.append(
            f"swift:policies: {len(defaults)} of them are the default, "
            f"{', '.join(defaults) or 'none'}; set is_default: true for one"
        )
    if 0 not in known:
        found.append("swift:policies: none has the index 0, which old containers have")
    owned = set(map(_objects_ring, known))
    for ring in sorted(ring for ring in rings if ring.startswith("object-") and ring not in owned):
        found.append(f"swift:rings:{ring}: no policy of swift:policies has its index")
    return found


def _policy_name_faults(name, policy, owners):
    """Why Swift does not start with a policy's names; it compares them without their case."""
    path = f"swift:policies:{name}"
    for one in (name, *policy.get("aliases", ())):
        if one.casefold() == FIRST_POLICY.casefold() and policy["index"] != 0:
            yield f"{path}: Swift has the name {one!r} for the index 0; take another"
        if one.casefold() in owners:
            yield (
                f"{path}: {one!r} is a name of {owners[one.casefold()]}, whatever the case; take "
                "another"
            )
        owners.setdefault(one.casefold(), name)


def _objects_ring(index):
    return f"object-{index}" if index else "object"


def _ring_port_faults(section):
    """One object server serves the rings of all policies."""
    rings = openstack_ha_schema.with_defaults({"swift": section})["swift"]["rings"]
    return [
        f"swift:rings:{ring}:{key}: {facts[key]} is not {rings['object'].get(key)}, that of the "
        "ring object; one server serves both"
        for ring, facts in rings.items()
        for key in ("port", "replication_port")
        if ring.startswith("object-") and facts.get(key) != rings["object"].get(key)
    ]


def _secret_faults(cluster, minion_id):
    tree, filled = cluster.get("secrets", {}), openstack_ha_schema.with_defaults(cluster)
    if minion_id is None:
        wanted = all_systems(filled)
    else:
        wanted = systems(filled, minion_id) if minion_id in cluster["nodes"] else []
    found = []
    for path in openstack_ha_secrets.needed(filled, wanted):
        secret, remedy = openstack_ha_secrets.lookup(tree, path), openstack_ha_secrets.remedy(path)
        if secret is None:
            found.append(f"secrets:{':'.join(path)}: is missing; {remedy}")
        elif openstack_ha_secrets.is_example(path, secret):
            told = "is the example's, which everybody knows"
            found.append(f"secrets:{':'.join(path)}: {told}; {remedy}")
    cookie = openstack_ha_secrets.lookup(cluster.get("secrets", {}), COOKIE)
    if cookie and DEBIANS_OWN_COOKIE.fullmatch(cookie):
        found.append(
            "secrets:rabbitmq:erlang_cookie: twenty capital letters look like a cookie that "
            "Debian's package made, which an upgrade replaces; take another"
        )
    key = openstack_ha_secrets.lookup(tree, migration_key.PATH)
    if key and re.fullmatch(migration_key.PATTERN, key) and (fault := migration_key.fault(key)):
        found.append(f"secrets:{':'.join(migration_key.PATH)}: {fault}")
    return found


def systems(cluster, minion_id):
    """
    Return the systems that run on a node, in the order of their start.

    cluster
        A complete cluster, or a view that has the node.

    minion_id
        The node.
    """
    roles = set(cluster["nodes"][minion_id]["roles"])
    if minion_id == rings_owner(cluster):
        roles.add("rings_owner")
    if "controller" in roles and _has_place_for_images(cluster):
        roles.add("image_server")
    if "controller" in roles and "horizon" in cluster:
        roles.add("dashboard_server")
    roles |= _roles_with_machines(cluster, roles)
    return [name for name, having in SYSTEMS.items() if having & roles]


def _roles_with_machines(cluster, roles):
    """What a node's roles come to where the cluster file says who gives machines their network."""
    provider = cluster.get("network", {}).get("provider")
    if provider is None:
        return set()
    of_compute = {"compute_node"} | ({"network_node"} if provider == "nova_network" else set())
    return {
        *({"nova_server"} if "controller" in roles else ()),
        *(of_compute if "compute" in roles else ()),
    }


def _has_place_for_images(cluster):
    """Images are objects of a user of Keystone's, and nowhere else."""
    has_keystone = cluster.get("swift", {}).get("auth", "keystone") == "keystone"
    return has_keystone and any("proxy" in node["roles"] for node in cluster["nodes"].values())


def looked_after(cluster, minion_id):
    """
    Return what the master looks after on a node.

    cluster
        A complete cluster, or a view that has the node.

    minion_id
        The node.
    """
    own = set(systems(cluster, minion_id))
    return [name for name, having in LOOKED_AFTER.items() if having & own]


def coordinated():
    """Return the names of what the master looks after, by which its rules are called."""
    return list(LOOKED_AFTER)


def looked_after_on(cluster, system):
    """
    Return the ids of the nodes on which the master looks after something, in the pillar's order.

    cluster
        A complete cluster.

    system
        One of ``coordinated``.
    """
    return [node for node in cluster["nodes"] if system in looked_after(cluster, node)]


def all_systems(cluster):
    """
    Return the systems that run on any node, in the order of their start.

    cluster
        A cluster with its defaults.
    """
    found = {system for minion_id in cluster["nodes"] for system in systems(cluster, minion_id)}
    return [name for name in SYSTEMS if name in found]


def controllers(cluster):
    """
    Return the controllers as a list of ``{id, hostname, address}`` in the pillar's order.

    cluster
        A complete cluster, or a view.
    """
    return _nodes(cluster, lambda minion_id: "controller" in cluster["nodes"][minion_id]["roles"])


def nodes_with(cluster, system):
    """
    Return the nodes that a system runs on, as ``controllers`` does.

    cluster
        A complete cluster, or a view, which may not have all of them.

    system
        A system.
    """
    return _nodes(cluster, lambda minion_id: system in systems(cluster, minion_id))


def _nodes(cluster, is_one):
    return [
        {"id": minion_id, "hostname": node["hostname"], "address": node["address"]}
        for minion_id, node in cluster["nodes"].items()
        if is_one(minion_id)
    ]


def rings_owner(cluster):
    """
    Return the id of the node that builds Swift's rings, or None when nobody has the role storage.

    cluster
        A complete cluster, or the view of the owner.
    """
    storage = [name for name, node in cluster["nodes"].items() if "storage" in node["roles"]]
    return cluster.get("swift", {}).get("owner") or next(iter(storage), None)


def view(cluster, minion_id):
    """
    Return what one minion may know of the cluster, or an empty dictionary for a stranger.

    cluster
        A complete cluster, or a view of it for the same minion.

    minion_id
        Whose view.

    It has the node itself and the controllers, the options and the secrets of the systems that
    run on it; so its size does not grow with the cluster. What these read of other systems comes
    without the options of the others' files. Controllers and proxies also have the proxies, and the
    owner of Swift's rings has the storage nodes.
    """
    if minion_id not in cluster["nodes"]:
        return {}
    own = systems(cluster, minion_id)
    foreign = set(map(_section_of, SYSTEMS)) - _sections(own)
    others = _sections(own) - set(map(_section_of, own))
    seen = {
        key: _without_options(value, OPTION_PATHS.get(key, ())) if key in others else value
        for key, value in cluster.items()
        if key not in foreign
    }
    roles = _roles_seen(cluster, minion_id)
    seen["nodes"] = {
        name: node
        for name, node in cluster["nodes"].items()
        if name == minion_id or roles.intersection(node["roles"])
    }
    owner = rings_owner(cluster)
    if owner is not None and "swift" in seen:
        # Else each storage node would take itself for the first one.
        seen["swift"] = {**seen["swift"], "owner": owner}
    seen["secrets"] = openstack_ha_secrets.visible(cluster.get("secrets", {}), own)
    seen["view_of"] = minion_id
    return seen


def _without_options(section, paths):
    """A section without what is at these paths in it."""
    found = dict(section)
    for key, *others in paths:
        if others and key in found:
            found[key] = _without_options(found[key], [others])
        elif not others:
            found.pop(key, None)
    return found


def _option_paths(schema):
    """Where a section has options of files."""
    for key, sub in schema.get("properties", {}).items():
        if key == "options":
            yield (key,)
        else:
            yield from ((key, *path) for path in _option_paths(sub))


OPTION_PATHS = {
    name: list(_option_paths(one)) for name, one in openstack_ha_systems.options().items()
}


def _section_of(system):
    """The section of the cluster file that has a system's options."""
    return system.partition(".")[0]


def _sections(own):
    return {_section_of(name) for name in own}.union(*(READS.get(name, ()) for name in own))


def _roles_seen(cluster, minion_id):
    """The roles whose nodes a node has to know."""
    roles = {"controller"}
    if {"controller", "proxy"}.intersection(cluster["nodes"][minion_id]["roles"]):
        roles.add("proxy")
    if minion_id == rings_owner(cluster):
        roles.add("storage")
    return roles


def vrrp_priorities(cluster):
    """
    Return the VRRP priority of each controller by its id: distinct, the first one the highest.

    cluster
        A complete cluster, or a view.
    """
    return {
        node["id"]: FIRST_VRRP_PRIORITY - rank for rank, node in enumerate(controllers(cluster))
    }


def sql_host(cluster):
    """
    Return the host part of SQL accounts: the management network, as MariaDB writes a network.

    cluster
        A complete cluster, or a view.

    MariaDB knows networks by their IPv4 netmask only; with IPv6 the accounts are for any host.
    """
    import netaddr

    network = netaddr.IPNetwork(cluster["network"]["management"])
    return "%" if ":" in str(network.network) else f"{network.network}/{network.netmask}"
