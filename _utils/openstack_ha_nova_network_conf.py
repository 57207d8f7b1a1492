"""
nova-network's configuration as data, as ``openstack_ha_options`` describes it.

Nova's other services read it too: what a network is made of, and how a machine is joined to it.
"""

import openstack_ha_nova_network
import openstack_ha_nova_system

MANAGERS = {
    "flat_dhcp": "nova.network.manager.FlatDHCPManager",
    "vlan": "nova.network.manager.VlanManager",
}


def options(view):
    """
    Return its options of the section DEFAULT of nova.conf.

    view
        What ``openstack_ha.view`` returns.
    """
    chosen = view["nova_network"]
    return {
        "use_neutron": False,
        "network_manager": MANAGERS[chosen["manager"]],
        # Each node is the gateway of its own machines.
        "multi_host": True,
        "public_interface": chosen.get("public_interface", view["self"]["interface"]),
        **_joins(chosen),
        "flat_injected": False,
        "dhcp_domain": chosen["domain"],
        "dhcpbridge": f"{openstack_ha_nova_system.PROGRAMS}/bin/nova-dhcpbridge",
        "dhcpbridge_flagfile": "/etc/nova/nova.conf",
        # An address is free again when its machine is gone, and not a lease later.
        "force_dhcp_release": True,
        # A gateway or a floating address that comes back says so, after a boot or elsewhere.
        "send_arp_for_ha": True,
        # Without it a node whose DHCP server is not the network's gateway translates nothing.
        # The key stands there for each of them.
        "force_snat_range": "\nforce_snat_range = ".join(chosen["snat_ranges"]),
        "use_network_dns_servers": openstack_ha_nova_network.asks_own_servers(chosen),
        "share_dhcp_address": False,
        "linuxnet_interface_driver": "nova.network.linux_net.LinuxBridgeInterfaceDriver",
        "firewall_driver": "nova.virt.libvirt.firewall.IptablesFirewallDriver",
        # A program a command takes half a second each, dozens of times a machine.
        "use_rootwrap_daemon": True,
    }


def own_file():
    """
    Return the file that nova-network alone reads: Nova 18 refuses to run it but for cells of the
    first version, and reads nothing else of that there.
    """
    return {"cells": {"enable": True}}


def _joins(chosen):
    if chosen["manager"] == "vlan":
        return {"vlan_interface": chosen["interface"], "vlan_start": chosen["vlan_start"]}
    return {"flat_network_bridge": chosen["bridge"], "flat_interface": chosen["interface"]}
