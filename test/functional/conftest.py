"""
Salt's real loaders on a host with the real servers.

The tier changes the host that it runs on (packages' services, /etc), so it runs in a host of the
lab: `make test-functional` starts one, runs pytest in it and removes it.
"""

import copy

import pytest
import salt.config
from saltfactories.utils.functional import Loaders
from support import (
    cluster_on,
    formula_root,
    host_address,
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


@pytest.fixture(scope="session")
def loaders(cluster, tmp_path_factory):
    root = tmp_path_factory.mktemp("minion")
    options = copy.deepcopy(salt.config.DEFAULT_MINION_OPTS)
    options.update(
        id=NODE,
        root_dir=str(root),
        cachedir=str(root / "cache"),
        # Beside the cache: Loaders empties that one before it loads.
        extension_modules=str(root / "extmods"),
        conf_file=str(root / "minion"),
        file_client="local",
        file_roots={"base": [str(formula_root(root / "formula"))]},
        pillar_roots={"base": [str(pillar_root(root / "pillar", cluster))]},
    )
    made = Loaders(options)
    applied = made.modules.state.sls("openstack_ha.hosts")
    assert not applied.failed, applied
    return made


@pytest.fixture(scope="session")
def modules(loaders):
    return loaders.modules


@pytest.fixture(scope="session")
def states(loaders):
    return loaders.states
