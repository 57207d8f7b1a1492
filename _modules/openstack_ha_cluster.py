"""
Load and check the cluster file on the master.
"""

import json
import logging
import os
import pathlib
import tempfile
import time

import salt.loader
import salt.template
from salt.exceptions import CommandExecutionError

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_cluster"


def __virtual__():
    return __virtualname__


def load(path, **kwargs):
    """
    Render the cluster file by Salt's renderers and return it complete: ranges and defaults.

    path
        The file; a shebang such as ``#!jinja|yaml|gpg`` chooses its renderers.

    Returns the mapping below ``openstack_ha``, without the controllers that have left the cluster;
    where there are such, their ids are its ``left``.

    Raises CommandExecutionError with every fault, a line each, when there is one, and when it is
    called as a job: the cluster file holds secrets, and a job's return goes through events.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.cluster demo
    """
    if "__pub_fun" in kwargs:
        raise CommandExecutionError("use `salt-run openstack_ha.cluster`, which shows no secret")
    return _without_left(path, _complete(path))


def current(path, **kwargs):
    """
    Return what a cluster file says, or while it has a fault, what it said last without one.

    path
        The file. Of one without a fault a copy is kept as it is, so that what is encrypted in it
        stays so, in the cache directory and for its owner alone.

    Returns ``{"cluster": as load returns it, "broken": None}``; while the file has a fault,
    ``broken`` is ``{"since": seconds since the epoch, "faults": [line, ..]}``.

    Raises CommandExecutionError with every fault when no copy is good either, and as ``load`` does.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.cluster demo
    """
    if "__pub_fun" in kwargs:
        raise CommandExecutionError("use `salt-run openstack_ha.cluster`, which shows no secret")
    copy, told = _kept(path, "copy"), _kept(path, "broken.json")
    try:
        before = _text(path) if os.path.isfile(path) else None
        is_new = not copy.exists() or before != _text(copy)
        cluster = load(path)
        # What the copy says was compared when it was made, and a secret's digest is slow.
        objections = _objections(path, cluster) if is_new else []
        if objections:
            raise CommandExecutionError("\n".join(objections))
    except CommandExecutionError as exc:
        return _last_good(path, copy, told, exc)
    if is_new and before == _text(path):
        _write(copy, before)
    told.unlink(missing_ok=True)
    return {"cluster": cluster, "broken": None}


def faults(path):
    """
    Return every fault of the cluster file, a line each; an empty list when it is good. In a file
    without any other, a value that a highstate cannot change is one where the cluster runs with
    another.

    path
        The file.

    Raises CommandExecutionError when the file cannot be read or rendered.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_cluster.faults /srv/openstack_ha/cluster.yaml
    """
    found = _checked(path)
    return found["faults"] or _objections(path, _without_left(path, found["cluster"]))


def refused(path):
    """
    Return what the guard says of a cluster file without any other fault: ``{"nodes": [its nodes],
    "objections": [line, ..]}``, a line for each value with which the cluster does not run.

    path
        The file.

    Raises CommandExecutionError as ``load`` and ``guarded`` do.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.diff demo
    """
    cluster = load(path)
    return {"nodes": list(cluster["nodes"]), "objections": _objections(path, cluster)}


def guarded(path):
    """
    Return what the master remembers of the values that a highstate cannot change on the cluster of
    a file, as ``openstack_ha_guard.memory`` does of a node.

    path
        The file.

    Raises CommandExecutionError when it cannot be read.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_guard.memory demo
    """
    kept = _kept(path, "guards.json")
    try:
        found = json.loads(_text(kept)) if kept.exists() else {}
    except ValueError:
        found = None
    if not __utils__["openstack_ha_guard.is_memory"](found):
        raise CommandExecutionError(
            f"{kept}: is not what the master writes; remove it, and the master asks the nodes anew"
        )
    return found


def learn(path, found):
    """
    Remember what a node remembers and the cluster file says as well, and return what is remembered.

    path
        The file.

    found
        What the node's ``openstack_ha_guard.memory`` returned.

    Raises CommandExecutionError as ``current`` and ``guarded`` do.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_guard.memory demo
    """
    before = guarded(path)
    asked = _asked(current(path)["cluster"])
    after = __utils__["openstack_ha_guard.learned"](before, found, *asked)
    if after != before:
        _write(_kept(path, "guards.json"), json.dumps(after))
    return after


def forget(path, key):
    """
    Forget what the master remembers of a value.

    path
        The file.

    key
        The value's path below ``openstack_ha``.

    Returns whether it was remembered.

    Raises CommandExecutionError as ``guarded`` does.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_guard.forget demo vip:address
    """
    found = guarded(path)
    is_known = found.pop(key, None) is not None
    if is_known:
        _write(_kept(path, "guards.json"), json.dumps(found))
    return is_known


def understood(path):
    """
    Return what a cluster file without faults says, in short, and what to be warned of.

    path
        The file.

    Returns ``{"understood": {..}, "warnings": [line, ..]}``; ``openstack_ha_warnings`` of the utils
    explains the former. Neither holds a secret.

    Raises CommandExecutionError as ``load`` does.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_cluster.understood /srv/openstack_ha/cluster.yaml
    """
    content = _complete(path)
    cluster = _without_left(path, content)
    first = _text(path).partition("\n")[0]
    file = {
        "path": path,
        "mode": os.stat(path).st_mode,
        "renderers": first if first.startswith("#!") else "",
        "left": [node for node in content["nodes"] if node not in cluster["nodes"]],
    }
    return {
        "understood": __utils__["openstack_ha_warnings.understood"](cluster),
        "warnings": __utils__["openstack_ha_warnings.warnings"](cluster, file, time.time()),
    }


def secrets(path, **kwargs):
    """
    Return the whole ``secrets`` section of a cluster file: those it has, new ones for the rest.

    path
        The file; it may lack every secret.

    Raises CommandExecutionError when the file cannot be read or rendered, and when it is called
    as a job: a job's return goes through events and caches.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.secrets /srv/openstack_ha/cluster.yaml /srv/openstack_ha/secrets.yaml
    """
    if "__pub_fun" in kwargs:
        raise CommandExecutionError("use `salt-run openstack_ha.secrets`, which writes a file")
    cluster = __utils__["openstack_ha_schema.with_defaults"](_read(path))
    systems = __utils__["openstack_ha_cluster.all_systems"](cluster)
    return __utils__["openstack_ha_secrets.generate"](cluster, systems)


def _asked(cluster):
    """A cluster, its secrets and its systems, as the guard asks for them."""
    lookup = __utils__["openstack_ha_secrets.lookup"]

    def secret(path):
        return lookup(cluster["secrets"], path.split(":"))

    return cluster, secret, __utils__["openstack_ha_cluster.all_systems"](cluster)


def _objections(path, cluster):
    """Why the cluster that runs must not become what its file says."""
    return __utils__["openstack_ha_guard.objections"](guarded(path), *_asked(cluster))


def _last_good(path, copy, told, fault):
    """What the kept copy says, and since when the file itself is broken."""
    if not copy.exists():
        raise fault
    try:
        cluster = _without_left(path, _complete(str(copy)))
    except CommandExecutionError:
        # What it imports is broken, or the formula asks for more by now.
        raise fault from None
    lines = str(fault).splitlines()
    broken = json.loads(_text(told)) if told.exists() else {"since": time.time(), "faults": []}
    if broken["faults"] != lines:
        log.error("openstack_ha: %s has faults, and what it said before counts: %s", path, lines)
        broken["faults"] = lines
        _write(told, json.dumps(broken))
    return {"cluster": cluster, "broken": broken}


def _kept(path, what):
    return __utils__["openstack_ha_kept.path"](__opts__["cachedir"], path, what)


def _write(path, text):
    """Replace a file as a whole, readable for its owner only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Made for its owner only.
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as made:
        made.write(text)
    os.rename(made.name, path)


def _complete(path):
    found = _checked(path)
    if found["faults"]:
        raise CommandExecutionError("\n".join(found["faults"]))
    return found["cluster"]


def _without_left(path, cluster):
    """The cluster without those that have left it, whether they stand in its file or not."""
    left = list(__salt__["openstack_ha_left.nodes"](path))
    return __utils__["openstack_ha_left.without"](cluster, left)


def _checked(path):
    """Every fault of a file, and of one without any the complete cluster."""
    _require(path)
    text = _text(path)
    asked = (path, text, _renderers())
    known = __utils__["openstack_ha_checked.recalled"](*asked)
    if known is not None:
        return known
    content = _read(path)
    if text != _text(path):
        # Somebody is writing it: what was read is of neither text.
        asked = (path, text, None)
    try:
        return __utils__["openstack_ha_checked.checked"](*asked, content)
    except ImportError as exc:
        raise CommandExecutionError(
            f"the cluster file cannot be checked: {exc}; "
            "`salt-call --local state.apply openstack_ha.master` on the master installs it"
        ) from exc


def _renderers():
    """Those of a file that names none; of a site's own Jinja nobody here knows the tags."""
    has_own_tags = any(__opts__.get(key) for key in ("jinja_env", "jinja_sls_env"))
    return None if has_own_tags else __opts__["renderer"]


def _require(path):
    if not os.path.isfile(path):
        raise CommandExecutionError(
            f"there is no cluster file {path}; write one from pillar.example, "
            "or name another in the master's ext_pillar"
        )


def _read(path):
    _require(path)
    renderers = salt.loader.render(__opts__, __salt__)
    try:
        data = salt.template.compile_template(
            path,
            renderers,
            __opts__["renderer"],
            __opts__["renderer_blacklist"],
            __opts__["renderer_whitelist"],
        )
    except Exception as exc:
        # The renderer quotes the lines around the fault, and those can hold a secret.
        why = __utils__["openstack_ha_render_fault.text"](exc, _text(path))
        raise CommandExecutionError(f"{path} does not render, {why}") from None
    if not isinstance(data, dict) or "openstack_ha" not in data:
        raise CommandExecutionError(
            f"{path} has no top key openstack_ha; everything of the cluster stands below it, "
            "indented"
        )
    misplaced = __utils__["openstack_ha_cluster.misplaced"](data)
    if misplaced:
        raise CommandExecutionError(
            f"{path} has {', '.join(misplaced)} beside openstack_ha, where nobody reads it; indent "
            "it, so that it stands below openstack_ha"
        )
    return data["openstack_ha"]


def _text(path):
    return pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
