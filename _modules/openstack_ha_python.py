"""
The Python that runs Salt, as the formula's modules need it.
"""

import importlib.metadata

from packaging.requirements import Requirement

__virtualname__ = "openstack_ha_python"


def __virtual__():
    return __virtualname__


def satisfies(requirements):
    """
    Return whether the Python of this minion satisfies all requirements.

    requirements
        As pip writes them, e.g. ``netaddr>=1.0,<2``.

    What pip looks at is looked at without pip's process, which takes seconds.

    Raises InvalidRequirement when one of them is none.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_python.satisfies '["netaddr>=1.0,<2"]'
    """
    return all(_has(Requirement(one)) for one in requirements)


def _has(requirement):
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)
