"""
Execution modules on the master itself.

``salt.cmd`` loads them anew at each call and learns the master's grains for it, by a dozen
programs; a look at one system reads every cluster file several times.
"""

import threading

import salt.loader

__virtualname__ = "openstack_ha_execution"

# A loader is no two threads' at once, and the reactor has several.
_own = threading.local()


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def call(function, *arguments):
    """
    Run an execution module's function on the master, without pillar, and return what it returns.

    function
        Its full name.

    arguments
        Its arguments.

    The modules and the master's grains are those of this thread's first call.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_execution.call openstack_ha_fernet.show demo
    """
    if not hasattr(_own, "modules"):
        opts = {**__opts__, "pillar": {}}
        opts["grains"] = salt.loader.grains(opts)
        _own.modules = salt.loader.minion_mods(opts, context={}, utils=salt.loader.utils(opts))
    return _own.modules[function](*arguments)
