"""What the lab shows of itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from .host import Host
from .inventory import NODE


def addresses(text: str) -> set[str]:
    """Return the IPv4 addresses in the output of `ip -o -4 address`."""
    return {line.split()[3].split("/")[0] for line in text.splitlines() if " inet " in line}


def holds_vip(host: Host, vip: str) -> bool:
    """Whether a running host has the VIP on one of its interfaces."""
    return vip in addresses(host.run(["ip", "-o", "-4", "address"]).out)


def status(hosts: list[Host], vip: str) -> Table:
    """Return the hosts as a table: what each is, whether it runs, who holds the VIP."""
    table = Table("host", "address", "state", "roles", "VIP")
    for host in hosts:
        up = host.state == "running"
        holder = up and host.kind == NODE and holds_vip(host, vip)
        roles = " ".join(host.roles) or host.kind
        table.add_row(host.id, host.address, host.state, roles, vip if holder else "")
    return table


def summary(inventory: Mapping, inventory_file: Path, dashboard: str | None = None) -> Table:
    """Return where to look after a highstate; `dashboard` is where this machine has that one."""
    vip, haproxy = inventory["vip"]["address"], inventory["credentials"]["haproxy"]
    galera, rabbitmq = inventory["credentials"]["galera"], inventory["credentials"]["rabbitmq"]
    first = next(iter(inventory["nodes"]))
    table = Table(show_header=False, title=f"Lab {inventory['name']}")
    table.add_row("VIP", f"{vip} ({inventory['vip']['fqdn']})")
    table.add_row("HAProxy's statistics", f"{haproxy['url']}/ ({haproxy['user']})")
    keystone = inventory["credentials"]["keystone"]
    table.add_row("Keystone", f"{keystone['url']}/v3 ({keystone['user']})")
    table.add_row("MySQL", f"{vip}:{galera['port']} ({galera['user']})")
    table.add_row("RabbitMQ", f"{vip}:{rabbitmq['port']} ({rabbitmq['user']})")
    if "swift" in inventory["credentials"]:
        swift = inventory["credentials"]["swift"]
        table.add_row("Swift", f"{swift['url']} ({swift['user']})")
    if "nova" in inventory["credentials"]:
        table.add_row("Nova", f"{inventory['credentials']['nova']['url']} ({keystone['user']})")
    if "horizon" in inventory["credentials"]:
        horizon = inventory["credentials"]["horizon"]
        table.add_row("Dashboard", f"{horizon['url']}/ ({keystone['user']})")
    if dashboard:
        table.add_row("  from here", dashboard)
        table.add_row(
            "  consoles, uploads", f"want `{vip} {inventory['vip']['fqdn']}` in /etc/hosts"
        )
    table.add_row("Passwords", f"{inventory_file} under credentials")
    table.add_row("Look around", f"make lab-status; make lab-shell NODE={first}")
    table.add_row("Break it", f"make lab-kill NODE={first}; make lab-boot NODE={first}")
    return table
