"""
How machines get from one compute node to another: which way Nova takes, and where it ends.

libvirt's word goes through ssh to a server that is there for nothing else; what a machine is made
of goes from qemu to qemu.
"""

import openstack_ha_options

USER = "nova"


def options(view):
    """
    Return Nova's options of the section ``libvirt`` on a compute node.

    view
        What ``openstack_ha.view`` returns.
    """
    return {
        # The source's libvirtd takes it. `native` is one command, which the other side knows; else
        # it is a script that looks for one.
        "live_migration_uri": (
            f"qemu+ssh://{USER}@%s:{view['nova']['migration_port']}/system?proxy=native"
        ),
        # By the address, of which a node needs no resolver.
        "live_migration_inbound_addr": view["self"]["address"],
        # A machine that writes faster than the network carries is slowed down; else it would be
        # copied until Nova gives up.
        "live_migration_permit_auto_converge": True,
    }


def endpoint(view):
    """
    Return where a compute node is come to, as ``address:port``.

    view
        As for ``options``.
    """
    return f"{openstack_ha_options.host(view['self']['address'])}:{view['nova']['migration_port']}"
