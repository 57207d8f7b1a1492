"""Network partitions: nftables rules on a host's own interface, by its peers' MAC addresses.

By MAC and not by address, so that ARP, VRRP and whatever goes to the VIP on a peer are cut too.
The rules live in the host's network namespace: a boot ends the partition for that host.
"""

from __future__ import annotations

from collections.abc import Sequence

INTERFACE = "eth0"
TABLE = "netdev lab_partition"

_BASE = f"""
add table {TABLE}
add set {TABLE} cut {{ type ether_addr; }}
add chain {TABLE} in {{ type filter hook ingress device "{INTERFACE}" priority -500; }}
add chain {TABLE} out {{ type filter hook egress device "{INTERFACE}" priority -500; }}
flush chain {TABLE} in
flush chain {TABLE} out
add rule {TABLE} in ether saddr @cut drop
add rule {TABLE} out ether daddr @cut drop
"""

# `add` before `delete`, so that neither fails where there is nothing to mend.
MEND_ALL = f"add table {TABLE}\ndelete table {TABLE}\n"

# Not a word more from this host, until it boots.
SILENCE = f"{_BASE}add rule {TABLE} in drop\nadd rule {TABLE} out drop\n"


def cut(macs: Sequence[str]) -> str:
    """Return the nft script that drops every packet from and to these addresses."""
    return f"{_BASE}add element {TABLE} cut {{ {', '.join(macs)} }}\n" if macs else _BASE


def mend(mac: str) -> str:
    """Return the nft script that lets the packets from and to this address pass again."""
    element = f"element {TABLE} cut {{ {mac} }}"
    return f"{_BASE}add {element}\ndelete {element}\n"
