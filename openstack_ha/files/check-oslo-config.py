# Written by Salt (openstack_ha); changes made here are lost.
"""
Whether a service takes its configuration: check-oslo-config.py NAMESPACES FILE, by the Python of
the service. NAMESPACES are those of its options and of its libraries', with commas between them.

The service itself reads an option's value when it asks for it, maybe in the middle of a request,
and never looks at a name that nobody asks for. Exit status 0: each value can be read, and no name
is misspelt.
"""

import contextlib
import difflib
import importlib.metadata
import logging
import sys
import warnings

# What is deprecated, in the file or in the libraries, is no fault.
warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

from oslo_config import cfg  # noqa: E402

# How alike two names are of which one is the other misspelt.
ALIKE = 0.85


def _key(group):
    """A group's name as a file's section is compared with it."""
    name = getattr(group, "name", group) or "DEFAULT"
    return name if name == "DEFAULT" else name.lower()


def registered(namespaces):
    """Return a configuration with the options of namespaces, and these by section and name."""
    conf, known = cfg.ConfigOpts(), {}
    for point in importlib.metadata.entry_points(group="oslo.config.opts"):
        for group, options in point.load()() if point.name in namespaces else ():
            place = None if _key(group) == "DEFAULT" else group
            for option in options:
                # Only of what the service has to do with, which is not known here.
                option.required = False
                with contextlib.suppress(cfg.DuplicateOptError):
                    conf.register_opt(option, place)
                known.setdefault(_key(group), {})[option.dest] = (place, option)
                for old in option.deprecated_opts:
                    name = (old.name or option.dest).replace("-", "_")
                    names = known.setdefault(_key(old.group or group), {})
                    names.setdefault(name, (place, option))
    return conf, known


def _misspelt(section, name, known, own):
    """What a name was probably meant to be; of a plugin's options nobody has a list."""
    names = known.get(section, {})
    if not names or name in names or "auth_type" in {*names, *own}:
        return None
    close = difflib.get_close_matches(name.lower().replace("-", "_"), names, 1, ALIKE)
    return close[0] if close else None


def _refused(conf, place, option, values):
    """Why an option cannot have its values; what may be a secret is not quoted."""
    if len(values) > 1 and not option.multi:
        return "has one value, and several are given; a list is one text with commas"
    group = getattr(place, "name", place)
    try:
        (conf[group] if group else conf)[option.dest]
    except (cfg.Error, ValueError) as exc:
        why = str(exc).rpartition(" is not valid: ")[2]
        return "cannot be read" if option.secret else f"cannot be read: {why}"
    return None


def faults(namespaces, path):
    """Return what is wrong with a file, a line each."""
    sections = {}
    try:
        cfg.ConfigParser(path, sections).parse()
    except cfg.ParseError as exc:
        return [f"line {exc.lineno} is no option and no section"]
    conf, known = registered(namespaces)
    conf(args=[], project="", prog="", default_config_files=[path], default_config_dirs=[])
    found = []
    for section, options in sections.items():
        for name, values in options.items():
            place, option = known.get(_key(section), {}).get(name, (None, None))
            if option is None:
                meant = _misspelt(_key(section), name, known, options)
                why = f"is no option; did you mean {meant}?" if meant else None
            else:
                why = _refused(conf, place, option, values)
            if why:
                found.append(f"[{section}] {name}: {why}")
    return found


def main():
    found = faults(sys.argv[1].split(","), sys.argv[2])
    if found:
        print("\n".join(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
