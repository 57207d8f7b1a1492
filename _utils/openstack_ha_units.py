"""
The systemd units of a node by the parts of systems that run on it.

A part's units are those that the names of this Debian release (``openstack_ha/parameters``) have
under the part's name, under ``units`` of its system, and the one that has turns; what is beyond
that, its system's description names as ``units``: paths in those names. Swift's come from its
programs.
"""

import openstack_ha_cluster
import openstack_ha_swift_conf
import openstack_ha_systems

SUFFIXES = (".service", ".socket", ".timer", ".target")
# As systemd tells them.
RUNNING = ("active", "reloading")
UNDER_WAY = ("activating", "deactivating", "reloading")


def by_part(parameters, view):
    """
    Return the units that should run on a node, by part.

    parameters
        The names of packages, units and paths on its release.

    view
        What ``openstack_ha.view`` returns.
    """
    return of(openstack_ha_cluster.systems(view, view["self"]["id"]), parameters, view)


def of(parts, parameters, view=None):
    """
    Return the units of parts of systems, by part; a part without any is left out.

    parts
        Their names.

    parameters, view
        As for ``by_part``; a view is needed for those of storage alone.
    """
    found = {}
    for part in parts:
        units = list(dict.fromkeys(map(_full, _of_part(part, parameters, view))))
        if units:
            found[part] = units
    return found


def _of_part(part, parameters, view):
    own = parameters.get(part.replace(".", "_"), {})
    yield from _names(own.get("service"))
    yield from _names(own.get("services"))
    one = parameters.get(part.partition(".")[0], {}).get("units", {}).get(part)
    if isinstance(one, dict):
        yield one["service"]
    yield from _names(openstack_ha_systems.turns().get(part, {}).get("unit"))
    facts = openstack_ha_systems.parts()[part]
    for path, suffix in facts.get("units", ()):
        yield from (f"{name}{suffix}" for name in _names(_at(parameters, path)))
    if "programs" in facts:
        names = parameters["swift"]["units"]
        programs = openstack_ha_swift_conf.programs_of(view, facts["programs"])
        yield from (names[program] for program in programs)


def _at(parameters, path):
    for key in path.split(":"):
        parameters = parameters[key]
    return parameters


def _names(value):
    """The units in a value: a name, a list, or a mapping of them; a path is its last part."""
    if value is None:
        return []
    values = list(value.values()) if isinstance(value, dict) else value
    values = [values] if isinstance(values, str) else values
    return [one.rpartition("/")[2] for one in values]


def _full(name):
    return name if name.endswith(SUFFIXES) else f"{name}.service"


def states(text, units):
    """
    Return the state of units by name: systemd's own word, or ``missing`` for one that is not there.

    text
        What ``systemctl show --property=Id,LoadState,ActiveState`` says of them, in their order.

    units
        Their names.

    Raises ValueError when it is not of as many units.
    """
    found = {}
    for unit, facts in _shown(text, units).items():
        is_there = facts.get("LoadState") not in ("not-found", "masked")
        found[unit] = facts.get("ActiveState", "unknown") if is_there else "missing"
    return found


def unchanged_for(text, units, now):
    """
    Return for how many seconds each unit that runs has not been started or reloaded, by name.

    text
        What ``systemctl show --property=ActiveState,StateChangeTimestampMonotonic`` says of them,
        in their order.

    units
        Their names.

    now
        Seconds since the boot, of the clock that stands still while the machine does.

    Raises ValueError when it is not of as many units.
    """
    return {
        unit: now - int(facts["StateChangeTimestampMonotonic"]) / 10**6
        for unit, facts in _shown(text, units).items()
        if facts.get("ActiveState") in RUNNING
    }


def _shown(text, units):
    """What systemd says of each unit."""
    blocks = [block for block in text.split("\n\n") if block.strip()]
    if len(blocks) != len(units):
        raise ValueError(f"systemctl told of {len(blocks)} units, and was asked for {len(units)}")
    return {
        unit: dict(line.partition("=")[::2] for line in block.strip().splitlines())
        for unit, block in zip(units, blocks, strict=True)
    }
