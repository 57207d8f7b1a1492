"""
Load and check the cluster file on the master.
"""

import os

import salt.loader
import salt.template
from salt.exceptions import CommandExecutionError, SaltRenderError

__virtualname__ = "openstack_ha_cluster"


def __virtual__():
    return __virtualname__


def load(path, **kwargs):
    """
    Render the cluster file by Salt's renderers and return it complete: ranges and defaults.

    path
        The file; a shebang such as ``#!jinja|yaml|gpg`` chooses its renderers.

    Returns the mapping below ``openstack_ha``.

    Raises CommandExecutionError with every fault, a line each, when there is one, and when it is
    called as a job: the cluster file holds secrets, and a job's return goes through events.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.cluster demo
    """
    if "__pub_fun" in kwargs:
        raise CommandExecutionError("use `salt-run openstack_ha.cluster`, which shows no secret")
    cluster = _read(path)
    faults = _faults(cluster)
    if faults:
        raise CommandExecutionError("\n".join(faults))
    return __utils__["openstack_ha_cluster.complete"](cluster)


def faults(path):
    """
    Return every fault of the cluster file, a line each; an empty list when it is good.

    path
        The file.

    Raises CommandExecutionError when the file cannot be read or rendered.

    CLI Example:

    .. code-block:: bash

        salt-call --local openstack_ha_cluster.faults /srv/openstack_ha/cluster.yaml
    """
    return _faults(_read(path))


def secrets(path, **kwargs):
    """
    Return the whole ``secrets`` section of a cluster file: those it has, new ones for the rest.

    path
        The file; it may lack every secret.

    Raises CommandExecutionError when the file cannot be read or rendered, and when it is called
    as a job: a job's return goes through events and caches.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.secrets /srv/openstack_ha/cluster.yaml /root/secrets.yaml
    """
    if "__pub_fun" in kwargs:
        raise CommandExecutionError("use `salt-run openstack_ha.secrets`, which writes a file")
    cluster = __utils__["openstack_ha_schema.with_defaults"](_read(path))
    systems = __utils__["openstack_ha_cluster.all_systems"](cluster)
    return __utils__["openstack_ha_secrets.generate"](cluster, systems)


def _faults(cluster):
    try:
        return __utils__["openstack_ha_cluster.faults"](cluster)
    except ImportError as exc:
        raise CommandExecutionError(
            f"the cluster file cannot be checked: {exc}; "
            "`salt-call --local state.apply openstack_ha.master` on the master installs it"
        ) from exc


def _read(path):
    if not os.path.isfile(path):
        raise CommandExecutionError(
            f"there is no cluster file {path}; write one from pillar.example, "
            "or name another in the master's ext_pillar"
        )
    renderers = salt.loader.render(__opts__, __salt__)
    try:
        data = salt.template.compile_template(
            path,
            renderers,
            __opts__["renderer"],
            __opts__["renderer_blacklist"],
            __opts__["renderer_whitelist"],
        )
    except SaltRenderError as exc:
        # The renderer quotes the lines around the fault, and those can hold a secret.
        line = getattr(exc, "line_num", None)
        raise CommandExecutionError(
            f"{path} does not render{f', line {line}' if line else ''}; "
            "`salt-call --local slsutil.renderer` on it shows where"
        ) from None
    if not isinstance(data, dict) or "openstack_ha" not in data:
        raise CommandExecutionError(f"{path} has no top key openstack_ha")
    return data["openstack_ha"]
