"""
Salt's real loaders on a host with the real servers.

The tier changes the host that it runs on (packages' services, /etc), so it runs in hosts of the
lab: `make test-functional` starts one for each folder, runs pytest in it and removes it. `servers`
are what a controller stands on, `services` what stands on them, and `dashboard` what people see.
"""

import copy
import functools

import leftovers
import pytest
import salt.loader
from saltfactories.utils.functional import Loaders
from support import (
    cluster_on,
    formula_root,
    host_address,
    minion_options,
    not_applied,
    pillar_root,
    require_disposable_host,
)

NODE = "ctl1"


def pytest_configure():
    require_disposable_host()


@pytest.fixture(scope="session")
def address():
    return host_address()


@pytest.fixture(scope="session")
def cluster(address):
    return cluster_on(address, NODE)


@pytest.fixture
def pillar(cluster, address):
    """The host's cluster with two more controllers, which are down."""
    cluster = copy.deepcopy(cluster)
    for name, offset in (("ctl2", 4), ("ctl3", 5)):
        cluster["nodes"][name] = {"address": str(address.network[-offset]), "roles": ["controller"]}
    return {"openstack_ha": cluster}


@pytest.fixture(scope="module", autouse=True)
def without_memory():
    """Each file has a cluster of its own."""
    leftovers.forget_guarded()


@pytest.fixture(scope="session", autouse=True)
def without_swift(tmp_path_factory):
    """Return a function that makes this host one on which there has been no Swift."""
    kept = tmp_path_factory.mktemp("packages") / "swift"
    leftovers.keep_swift(kept)
    return functools.partial(leftovers.forget_swift, kept)


@pytest.fixture(scope="session")
def loaders(cluster, tmp_path_factory):
    root = tmp_path_factory.mktemp("minion")
    formula, pillar = formula_root(root / "formula"), pillar_root(root / "pillar", cluster)
    made = Loaders(minion_options(root, NODE, formula, pillar))
    assert not_applied(made.modules.state.sls("openstack_ha.hosts")) == []
    return made


@pytest.fixture(scope="session")
def modules(loaders):
    return loaders.modules


@pytest.fixture(scope="session")
def states(loaders):
    return loaders.states


@pytest.fixture
def of_a_master():
    """
    Return a function that gives the states of loaders as they are on a minion that has a master,
    which says nothing; they return plain mappings.
    """

    def states(loaders):
        loaders.modules.test.ping()
        opts = {**loaders.opts, "file_client": "remote", "pillar": loaders.pillar}
        # Else the modules would be those of the other loaders, and these would have a master, too.
        own = {"loaded_base_name": "of_a_master"}
        utils = salt.loader.utils(opts, **own)
        modules = salt.loader.minion_mods(opts, utils=utils, **own)
        return salt.loader.states(opts, modules, utils, None, **own)

    return states
