"""
What a salt-master needs before it looks after a cluster: read on its own host.

Salt's own reader says what the master's configuration is and would be; ``salt-run`` does what the
master's own user has to do. Called on the master, by ``salt-call --local`` or by a runner.
"""

import copy
import fnmatch
import glob
import os
import pathlib
import tempfile

import salt.cache
import salt.config
import salt.key
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_preflight"

# What the master has of the formula's own.
KINDS = ("modules", "states", "utils", "runners", "pillar", "output")
PREFIX, SUFFIX = "openstack_ha", ".py"
# Of files in one line.
NAMED = 3
# Salt's names of what was decided about a key.
KEYS = {
    "accepted": "minions",
    "pending": "minions_pre",
    "rejected": "minions_rejected",
    "denied": "minions_denied",
}
# What counts here where no file says anything.
DEFAULTS = ("default_include", "file_roots", "fileserver_backend")
# Seconds; a master's git server can be slow.
TIMEOUT = 600


def __virtual__():
    return __virtualname__


def lost(path, text):
    """
    Return what the master's configuration would lose by a file of ``master.d``, a line for each key
    of a file, each with its way out.

    path
        Of the file, which need not be there.

    text
        What is to be in it.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_preflight.lost /etc/salt/master.d/x.conf 'reactor: []'
    """
    main = _main_path()
    said = salt.config.load_config(
        main, "SALT_MASTER_CONFIG", salt.config.DEFAULT_MASTER_OPTS["conf_file"], False
    )
    default = {key: salt.config.DEFAULT_MASTER_OPTS[key] for key in DEFAULTS}
    # Salt's own are of another type, which cannot be changed.
    default = copy.deepcopy(default)
    patterns = _patterns(main, said.get("default_include") or default["default_include"])
    if not any(fnmatch.fnmatch(path, pattern) for pattern in patterns):
        return [__utils__["openstack_ha_master_config.unread"](path, patterns)]
    merged = sorted({path, *_found(patterns)})
    included = _found(_patterns(main, said.get("include") or []))
    with tempfile.NamedTemporaryFile("w", suffix=".conf", encoding="utf-8") as draft:
        draft.write(text)
        draft.flush()
        paths = [draft.name if one == path else one for one in merged]
        # As master_config() does it, without what it asks of sdb on the way.
        effective = {
            **default,
            **said,
            **_read(main, paths),
            **_read(main, included),
        }
        contents = dict(zip(merged, (_read(main, [one]) for one in paths), strict=True))
    files = [
        {"path": "Salt", "kind": "default", "content": {"file_roots": default["file_roots"]}},
        {"path": main, "kind": "master", "content": said},
        *({"path": one, "kind": "merged", "content": contents[one]} for one in merged),
        *({"path": one, "kind": "included", "content": _read(main, [one])} for one in included),
    ]
    if "roots" not in effective["fileserver_backend"]:
        del files[0]
    return __utils__["openstack_ha_master_config.lost"](files, effective, path)


def outdated():
    """
    Return which of the formula's modules the master lacks, or has otherwise than the file server
    that is asked here, as ``runners/openstack_ha.py``.

    Raises CommandExecutionError when that file server has none of them.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_preflight.outdated
    """
    folder = pathlib.Path(_master()["extension_modules"])
    found = []
    for kind in KINDS:
        files = [
            path
            for path in map(pathlib.Path, __salt__["cp.cache_dir"](f"salt://_{kind}"))
            if path.name.startswith(PREFIX) and path.suffix == SUFFIX
        ]
        if not files:
            raise CommandExecutionError(
                f"the file server has no _{kind} of the formula: file_roots, or a remote of "
                "gitfs_remotes, has to be the folder in which openstack_ha/ and _runners/ stand"
            )
        found += [f"{kind}/{one.name}" for one in files if not _is_same(one, folder / kind)]
    return sorted(found)


def sync():
    """
    Bring the formula's modules to the master, as its own user, and return those that it got.

    Raises CommandExecutionError when its file server cannot serve from git, does not serve the
    formula or another version of it, or `salt-run` fails.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_preflight.sync
    """
    before = outdated()
    fault = __utils__["openstack_ha_master_config.git_fault"](_master(), _versions())
    if fault:
        raise CommandExecutionError(fault)
    # What it serves from git is fetched by the master while it runs, and here it need not.
    for function in ("fileserver.update", "saltutil.sync_all"):
        _run(["salt-run", f"--config-dir={os.path.dirname(_main_path())}", function])
    after = outdated()
    if after:
        more = f" and {len(after) - NAMED} more" if len(after) > NAMED else ""
        raise CommandExecutionError(
            f"the master does not get {', '.join(after[:NAMED])}{more} from its own file server: "
            "`salt-run fileserver.file_list` shows what it serves; give it this version of the "
            f"formula by file_roots or gitfs_remotes in {os.path.dirname(_main_path())}/master.d"
        )
    return before


def folder(option, default):
    """
    Return where the master keeps something, ``{"path", "user"}``, with the user that it runs as.

    option
        The option that names the folder.

    default
        The folder where it names none.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_preflight.folder openstack_ha_keys /var/lib/openstack_ha_keys
    """
    config = _master()
    return {"path": config.get(option, default), "user": config["user"]}


def minions():
    """
    Return what keeps the master from the nodes of each cluster file, or does not fit to them: lines
    by file. A file that cannot be read, or has faults, is left out; `salt-run openstack_ha.check`
    shows those.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_preflight.minions
    """
    config = _master()
    clusters = {}
    for entry in config.get("ext_pillar") or []:
        if isinstance(entry, dict) and PREFIX in entry:
            try:
                clusters[entry[PREFIX]] = __salt__["openstack_ha_cluster.load"](entry[PREFIX])
            except CommandExecutionError:
                continue
    known = {node for cluster in clusters.values() for node in cluster["nodes"]}
    listed = salt.key.get_key(config).list_keys()
    keys = {ours: listed.get(theirs, []) for ours, theirs in KEYS.items()}
    grains = _grains(config, known.intersection(keys["accepted"]))
    return {
        path: __utils__["openstack_ha_minions.warnings"](cluster, keys, grains, sorted(known))
        for path, cluster in clusters.items()
    }


def _main_path():
    """The master's own file, beside the minion's where a minion asks."""
    return os.path.join(os.path.dirname(__opts__["conf_file"]), "master")


def _master():
    """The master's configuration, by Salt's own reader."""
    if __opts__.get("__role") == "master":
        return __opts__
    return salt.config.master_config(_main_path())


def _patterns(main, include):
    """What an include names, as whole paths."""
    named = [include] if isinstance(include, str) else include
    return [os.path.join(os.path.dirname(main), os.path.expanduser(one)) for one in named]


def _found(patterns):
    return [path for pattern in patterns for path in sorted(glob.glob(pattern))]


def _read(main, paths):
    """What Salt makes of these files."""
    return salt.config.include_config([glob.escape(one) for one in paths], main, False)


def _is_same(path, folder):
    try:
        return path.read_bytes() == (folder / path.name).read_bytes()
    except FileNotFoundError:
        return False


def _versions():
    """Of what Salt's gitfs can take."""
    import salt.utils.gitfs as own
    import salt.utils.path

    return {
        "pygit2": own.PYGIT2_VERSION and str(own.PYGIT2_VERSION),
        "gitpython": own.GITPYTHON_VERSION and str(own.GITPYTHON_VERSION),
        "git": salt.utils.path.which("git"),
    }


def _grains(config, nodes):
    """What the master has kept of nodes' grains, without asking them."""
    cache = salt.cache.factory(config)
    return {node: cache.fetch("grains", node) for node in sorted(nodes)}


def _run(argv):
    result = __salt__["cmd.run_all"](argv, python_shell=False, timeout=TIMEOUT, ignore_retcode=True)
    if result["retcode"]:
        lines = f"{result['stderr']}\n{result['stdout']}".splitlines()
        # Salt tells of itself that it has not closed something.
        told = [line.strip() for line in lines if not line.startswith("unclosed ")]
        last = next((line for line in reversed(told) if line), "it says nothing")
        raise CommandExecutionError(
            f"`{' '.join(argv)}` ended with {result['retcode']}: {last}; on a host whose "
            "salt-master has never run, `systemctl start salt-master` first"
        )
