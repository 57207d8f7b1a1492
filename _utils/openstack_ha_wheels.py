"""
Programs that come as released wheels and not as packages: which set of them is which.

A set is built once for a Debian release and an architecture, in a virtual environment at the very
place where it will run, and carried to the nodes as an archive. There it stands beside the ones
before it, and a link says which one is in use::

    /opt/openstack_ha/nova/4f2a6d0c9b1e7a35/bin/nova-compute
    /opt/openstack_ha/nova/current -> 4f2a6d0c9b1e7a35

What a release does wrong is put right while it is built, by corrections: the text that is wrong,
which stands in a file once, what takes its place, and why.
"""

import hashlib
import json
import re

PINNED = re.compile(
    r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+_-]+( --hash=sha256:[0-9a-f]{64})+$"
)
RELEASE_LENGTH = 16
# What installs the others, and builds those that come as source.
BUILDERS = {"packaging", "pip", "setuptools", "wheel"}


def faults(requirements):
    """
    Return the requirements that do not say exactly what is to be installed, with the reason.

    requirements
        Such as ``nova==18.3.0 --hash=sha256:..``, one or more hashes each.
    """
    return [
        f"{one!r} is not pinned: it takes the form `name==version --hash=sha256:<64 digits>`"
        for one in requirements
        if not PINNED.match(one)
    ]


def builders(requirements):
    """
    Return the requirements that install and build the others.

    requirements
        As ``faults`` takes them.
    """
    return [one for one in requirements if one.partition("==")[0] in BUILDERS]


def corrected(text, correction):
    """
    Return a file's text after a correction.

    text
        What the file has.

    correction
        ``{"file", "text", "replacement", "why"}``.

    Raises ValueError when what it replaces is not there exactly once.
    """
    count = text.count(correction["text"])
    if count != 1:
        raise ValueError(
            f"{correction['file']}: {correction['text']!r} is there {count} times and not once, "
            f"so it is not known what is corrected ({correction['why']})"
        )
    return text.replace(correction["text"], correction["replacement"])


def release(requirements, corrections, platform):
    """
    Return the name of a set's folder, the same for the same set and nothing else.

    requirements
        A list of them.

    corrections
        In the order in which they are made.

    platform
        What of Python and of the machine it is built for, as text.
    """
    told = json.dumps([platform, sorted(requirements), corrections], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:RELEASE_LENGTH]


def archive(label, name):
    """
    Return the name of a set's archive; its digest is beside it, with ``.sha256`` behind the name.

    label
        What the set is called, e.g. ``nova``.

    name
        What ``release`` returns.
    """
    return f"{label}-{name}.tar.gz"


def noted(text):
    """
    Return the digest that a note says, as sha256sum writes it; None where it says none.

    text
        The note; nothing where there is none.
    """
    words = (text or "").split()
    return words[0] if words else None
