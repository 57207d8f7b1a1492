"""
Swift's configuration files as data, and what must never change in swift.conf.

Files are as ``openstack_ha_options`` describes them.
"""

import base64
import configparser
import functools
import hashlib

import openstack_ha_options
import openstack_ha_tls

KINDS = ("account", "container", "object")

# Programs beside the servers, by the file that they read. No reconstructor, since no policy is
# erasure coded, and no container-sync, since there are no realms.
DAEMONS = {
    "account": ("auditor", "reaper", "replicator"),
    "container": ("auditor", "replicator", "sharder", "updater"),
    "object": ("auditor", "replicator", "updater"),
}
# They know their node's devices by the address for replication.
REPLICATING = {
    "account-replicator",
    "container-replicator",
    "container-sharder",
    "object-replicator",
}
# Beyond Swift's own. The updater forks for every partition, which costs 0.4 s of a core before any
# work is done (eventlet's monkey_patch looks through all objects for locks). With Swift's four at
# once, a node with many containers has four cores less for its servers, all the time.
OPTIONS = {"container-updater": {"concurrency": 1}}
# Files that a program reads beside its own.
MORE = {"container-sharder": ("internal-client.conf",)}
IDLE = ("container-sync", "object-reconstructor")
PROXYS_DAEMONS = ("object-expirer", "container-reconciler")

# The kernel's names of disks, of which Swift's own patterns know one family.
DISKS = r"(?:sd|vd|xvd)[a-z]+\d*|nvme\d+n\d+(?:p\d+)?|dm-\d+|md\d+|loop\d+"
# A line counts once, for the first disk that it names; what programs say to the kernel does not.
FAULT = rf"^\S+ +\d+ \S+ \S+ kernel: (?=.*(?:\berror\b|I/O Error|[Cc]orruption)).*?\b({DISKS})\b"

# Debian's swift.conf has it for both, and no server may have run with it.
PACKAGES_OWN = "changeme"
# Only to be told apart: short secrets are not to be guessed from what a node reports.
ROUNDS = 200_000
SALT = b"openstack_ha swift hash path"

# As in Swift's own proxy-server.conf-sample, without container_sync.
PIPELINE = (
    "catch_errors gatekeeper healthcheck proxy-logging cache listing_formats bulk tempurl "
    "ratelimit {auth} copy container-quotas account-quotas slo dlo versioned_writes symlink "
    "proxy-logging proxy-server"
)
AUTH = {"keystone": "authtoken keystoneauth", "tempauth": "tempauth"}
# Filters that are not Swift's own.
FOREIGN = ("authtoken",)
EGGS = {
    "cache": "memcache",
    "container-quotas": "container_quotas",
    "account-quotas": "account_quotas",
    "proxy-logging": "proxy_logging",
    "proxy-server": "proxy",
}


def shared_files(view):
    """
    Return the files that every server of Swift reads: swift.conf.

    view
        What ``openstack_ha.view`` returns.
    """
    sections = {
        "swift-hash": {
            f"swift_hash_path_{end}": openstack_ha_options.secret(f"swift:hash_path_{end}")
            for end in ("prefix", "suffix")
        }
    }
    for name, policy in view["swift"]["policies"].items():
        sections[f"storage-policy:{policy['index']}"] = {
            "name": name,
            "policy_type": "replication",
            **({"default": True} if policy.get("is_default") else {}),
            **({"deprecated": True} if policy.get("is_deprecated") else {}),
            **({"aliases": ", ".join(policy["aliases"])} if policy.get("aliases") else {}),
        }
    return {"swift.conf": _printed(sections)}


def storage_files(view):
    """
    Return the files of a storage node by their names below /etc/swift.

    view
        What ``openstack_ha.view`` returns.
    """
    found = {}
    for kind in KINDS:
        main, replication = _storage_server(view, kind)
        found[f"{kind}-server.conf"] = main
        if replication:
            found[f"{kind}-replication.conf"] = replication
    # For the sharder. Without a cache: memcached is the proxies'.
    pipeline = "catch_errors proxy-logging symlink proxy-server"
    found["internal-client.conf"] = _internal_client(pipeline, {"account_autocreate": True})
    found["drive-audit.conf"] = _drive_audit(view)
    return {name: _printed(file) for name, file in found.items()}


def proxy_files(view, proxies):
    """
    Return the files of a proxy by their names below /etc/swift.

    view
        What ``openstack_ha.view`` returns.

    proxies
        All proxies as a list of ``{id, address}``.
    """
    pipeline = "catch_errors proxy-logging cache proxy-server"
    ids = [node["id"] for node in proxies]
    own_share = {"processes": len(ids), "process": ids.index(view["self"]["id"])}
    port = view["memcached"]["port"]
    found = {
        "proxy-server.conf": _proxy_server(view),
        "memcache.conf": {
            "memcache": {
                "memcache_servers": ",".join(f"{node['address']}:{port}" for node in proxies),
                # A dead one is asked twice a worker, and again half a minute later.
                "connect_timeout": 0.2,
                "io_timeout": 1,
                "error_suppression_limit": 1,
                "error_suppression_interval": 30,
            }
        },
        # Each proxy does its share: what is late is only disk space, since no server gives out
        # an object that has expired.
        "object-expirer.conf": {"object-expirer": own_share, **_internal_client(pipeline)},
        # Each does all: what is late would be objects that nobody finds.
        "container-reconciler.conf": {"container-reconciler": {}, **_internal_client(pipeline)},
    }
    return {name: _printed(file) for name, file in found.items()}


def programs(view):
    """
    Return Swift's programs on any node, as ``{program: {"config", "reads", "is_server", "turn"}}``.

    view
        What ``openstack_ha.view`` returns.

    ``config`` is the name of the program's own file below /etc/swift, ``reads`` has those of all
    that it reads there, and ``turn`` is the part of Swift with which it has its turns, None for one
    that never runs.
    """
    found = {}
    for kind in KINDS:
        found[f"{kind}-server"] = _program(f"{kind}-server", is_server=True)
        found[f"{kind}-replication"] = _program(f"{kind}-replication", is_server=True)
        for daemon in DAEMONS[kind]:
            has_own = f"{kind}-{daemon}" in REPLICATING and _is_separate(view, kind)
            config = f"{kind}-{'replication' if has_own else 'server'}"
            found[f"{kind}-{daemon}"] = _program(config, more=MORE.get(f"{kind}-{daemon}", ()))
    for name in IDLE:
        found[name] = _program(f"{name.partition('-')[0]}-server", turn=None)
    of_proxy = {"more": ["memcache.conf"], "turn": "swift.proxy"}
    found["proxy-server"] = _program("proxy-server", is_server=True, **of_proxy)
    return {**found, **{name: _program(name, **of_proxy) for name in PROXYS_DAEMONS}}


def programs_of(view, role):
    """
    Return the programs of a role's nodes, in the order of their start.

    view
        What ``openstack_ha.view`` returns.

    role
        ``storage`` or ``proxy``; ``idle`` for those of a storage node that do not run.
    """
    if role == "proxy":
        return ["proxy-server", *PROXYS_DAEMONS]
    idle = [*IDLE, *(f"{kind}-replication" for kind in KINDS if not _is_separate(view, kind))]
    if role == "idle":
        return idle
    others = {"proxy-server", *PROXYS_DAEMONS, *idle}
    return [name for name in programs(view) if name not in others]


def identity(text):
    """
    Return what may never change of a swift.conf: ``{"prefix", "suffix", "policies"}``.

    text
        The file's content.

    ``policies`` is ``{index: name}``, the index as text. A file without any hash path, or with the
    one of Debian's package, is nobody's, and None. Raises ValueError when it is no INI file.
    """
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as exc:
        # Not the error's own text, which quotes lines of the file.
        raise ValueError("is no INI file") from exc
    ends = {
        end: parser.get("swift-hash", f"swift_hash_path_{end}", fallback="")
        for end in ("prefix", "suffix")
    }
    if set(ends.values()) <= {"", PACKAGES_OWN}:
        return None
    policies = {
        section.partition(":")[2]: parser.get(section, "name", fallback="")
        for section in parser.sections()
        if section.startswith("storage-policy:")
    }
    # What Swift takes for one where the file has none.
    return {**ends, "policies": policies or {"0": "Policy-0"}}


def fingerprint(prefix, suffix):
    """
    Return a text that differs where the hash path does and does not give it away.

    prefix, suffix
        Of the hash path.
    """
    return _derived(f"{prefix}\0{suffix}".encode("latin1"))


@functools.lru_cache(maxsize=4)
def _derived(secret):
    """Slow, so that nobody guesses it; each device's identity asks for it."""
    return hashlib.pbkdf2_hmac("sha256", secret, SALT, ROUNDS).hex()


def servers(view):
    """
    Return where the servers of a storage node listen, as ``{file: (address, port)}``.

    view
        What ``openstack_ha.view`` returns.
    """
    return {
        name: (file["DEFAULT"]["bind_ip"], int(file["DEFAULT"]["bind_port"]))
        for name, file in storage_files(view).items()
        if "bind_port" in file.get("DEFAULT", {})
    }


def _program(config, is_server=False, more=(), turn="swift.storage"):
    own = f"{config}.conf"
    return {
        "config": own,
        "reads": ["swift.conf", own, *more],
        "is_server": is_server,
        "turn": turn,
    }


def _is_separate(view, kind):
    """Whether replication has an address or a port of its own on this node."""
    ring, storage = view["swift"]["rings"][kind], view["self"].get("storage", {})
    own = storage.get("replication_address", view["self"]["address"])
    return (
        own != view["self"]["address"] or ring.get("replication_port", ring["port"]) != ring["port"]
    )


def _storage_server(view, kind):
    """The files of one kind of server; the second, of replication's own server, or None."""
    swift, ring = view["swift"], view["swift"]["rings"][kind]
    server = f"{kind}-server"
    sections = {
        "DEFAULT": {
            "bind_ip": view["self"]["address"],
            "bind_port": ring["port"],
            "workers": swift[kind]["workers"],
            "devices": swift["devices"]["root"],
            "mount_check": swift["devices"]["kind"] == "disks",
        },
        "pipeline:main": {"pipeline": f"healthcheck recon {server}"},
        f"app:{server}": {"use": f"egg:swift#{kind}"},
        "filter:healthcheck": {"use": "egg:swift#healthcheck"},
        "filter:recon": {"use": "egg:swift#recon"},
    }
    for daemon in DAEMONS[kind]:
        sections[f"{kind}-{daemon}"] = OPTIONS.get(f"{kind}-{daemon}", {})
    own = view["self"].get("storage", {}).get("replication_address", view["self"]["address"])
    # The port for rsync, which the other form of a module's name has no place for.
    rsync = f"rsync://{{replication_ip}}:{swift['rsync']['port']}/{kind}_{{device}}"
    for name in REPLICATING & set(sections):
        sections[name] = {**sections[name], "rsync_module": rsync}
    if not _is_separate(view, kind):
        return openstack_ha_options.merged(sections, swift[kind]["options"]), None
    replicating = {
        name: options for name, options in sections.items() if not name.startswith(f"{kind}-")
    }
    for name in sorted(REPLICATING & set(sections)):
        replicating[name] = sections.pop(name)
    replicating["DEFAULT"] = {
        **sections["DEFAULT"],
        "bind_ip": own,
        "bind_port": ring.get("replication_port", ring["port"]),
    }
    sections[f"app:{server}"] = {**sections[f"app:{server}"], "replication_server": False}
    options = swift[kind]["options"]
    mine = {name: value for name, value in options.items() if name not in REPLICATING}
    theirs = {name: value for name, value in options.items() if name in replicating}
    return openstack_ha_options.merged(sections, mine), openstack_ha_options.merged(
        replicating, theirs
    )


def _drive_audit(view):
    """Errors of devices are told, and the devices left to their units and to people."""
    options = {
        "device_dir": view["swift"]["devices"]["root"],
        "minutes": 60,
        "unmount_failed_device": False,
        # Made of the journal for each run.
        "log_file_pattern": "/run/openstack-ha-swift-drive-audit/kern.log",
        "log_file_encoding": "utf-8",
        "regex_pattern_1": FAULT,
    }
    sections = {"drive-audit": options}
    return openstack_ha_options.merged(sections, view["swift"]["drive_audit"]["options"])


def _proxy_server(view):
    swift = view["swift"]
    sections = {
        "DEFAULT": {
            "bind_ip": view["self"]["address"],
            "bind_port": swift["proxy"]["port"],
            "workers": swift["proxy"]["workers"],
        },
        **_pipeline(PIPELINE.format(auth=AUTH[swift["auth"]])),
    }
    sections["app:proxy-server"].update(
        account_autocreate=True,
        # A node that takes a connection and then says nothing: the next one is asked for a GET
        # after this; conn_timeout, for a node that is gone, is half a second.
        recoverable_node_timeout=3,
        # Who has failed and is back is asked again after this. With Swift's minute, a node that
        # restarts soon after another one leaves too few for a write.
        error_suppression_interval=10,
    )
    sections["filter:healthcheck"]["disable_path"] = "/run/openstack-ha-health/swift.maintenance"
    # Versions of both kinds only keep what a container asks them to.
    sections["filter:versioned_writes"].update(
        allow_versioned_writes=True, allow_object_versioning=True
    )
    auth = _keystone(view) if swift["auth"] == "keystone" else _tempauth(view)
    for name, options in auth.items():
        sections[f"filter:{name}"].update(options)
    return openstack_ha_options.merged(sections, swift["proxy"]["options"])


def _keystone(view):
    return {
        "authtoken": {
            **openstack_ha_options.service_user(view, "swift"),
            "paste.filter_factory": "openstack_ha_authtoken:filter_factory",
            # Who has no token may still have a temporary URL, or read what is public.
            "delay_auth_decision": True,
            "include_service_catalog": False,
            "cache": "swift.cache",
        },
        "keystoneauth": {"operator_roles": "admin, member"},
    }


def _tempauth(view):
    users = {
        _tempauth_key(user["account"], name): _tempauth_value(name, user.get("groups", []))
        for name, user in view["swift"]["users"].items()
    }
    # Behind HAProxy it knows nothing of TLS, and would send clients to the port in the clear.
    return {"tempauth": {"storage_url_scheme": openstack_ha_tls.scheme(view), **users}}


def _tempauth_key(account, user):
    if "_" not in account + user:
        return f"user_{account}_{user}"
    # tempauth parts the key at its underscores.
    words = (base64.b64encode(word.encode()).decode().rstrip("=") for word in (account, user))
    return "_".join(["user64", *words])


def _tempauth_value(user, groups):
    after = "".join(f" {group}" for group in groups)
    return openstack_ha_options.secret(f"swift:users:{user}", after=after)


def _internal_client(pipeline, options=None):
    """The proxy that some daemons have inside themselves."""
    sections = _pipeline(pipeline)
    sections["app:proxy-server"].update(options or {})
    return sections


def _pipeline(pipeline):
    *filters, app = pipeline.split()
    return {
        "pipeline:main": {"pipeline": pipeline},
        f"app:{app}": {"use": f"egg:swift#{EGGS[app]}"},
        **{
            f"filter:{name}": {}
            if name in FOREIGN
            else {"use": f"egg:swift#{EGGS.get(name, name)}"}
            for name in dict.fromkeys(filters)
        },
    }


def _printed(sections):
    """Texts for values; an app's key that DEFAULT has as well is ignored without `set`."""
    general = sections.get("DEFAULT", {})
    return {
        section: {
            f"set {key}" if _is_hidden(section, key, general) else key: _text(value)
            for key, value in values.items()
        }
        for section, values in sections.items()
    }


def _is_hidden(section, key, general):
    return key in general and section.partition(":")[0] in ("app", "filter")


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, list) else str(value)
