"""Salt's own compiler over the formula, without a daemon and without root."""

import copy
import pathlib

import pytest
import salt.config
import yaml
from saltfactories.utils.functional import Loaders

ROOT = pathlib.Path(__file__).parents[2]
FORMULA = ("openstack_ha", "_modules", "_states", "_utils", "_runners", "_pillar")


def example():
    """The example's cluster; the interface is named, since this machine has none of the nodes'."""
    cluster = yaml.safe_load((ROOT / "pillar.example").read_text(encoding="utf-8"))["openstack_ha"]
    for node in cluster["nodes"].values():
        node["interface"] = "eth0"
    return cluster


@pytest.fixture(scope="session")
def formula(tmp_path_factory):
    """A file root that holds the formula and nothing else of the repository."""
    root = tmp_path_factory.mktemp("formula")
    for name in FORMULA:
        (root / name).symlink_to(ROOT / name)
    return root


@pytest.fixture
def loaders_of(formula, tmp_path):
    """Return a function that gives Salt's loaders for a minion id and a pillar."""

    def make(minion_id, cluster):
        pillar = tmp_path / f"pillar-{minion_id}"
        pillar.mkdir(exist_ok=True)
        (pillar / "top.sls").write_text("base: {'*': [openstack_ha]}", encoding="utf-8")
        (pillar / "openstack_ha.sls").write_text(
            "#!yaml\n" + yaml.safe_dump({"openstack_ha": cluster}, sort_keys=False), encoding="utf-8"
        )
        root = tmp_path / f"minion-{minion_id}"
        return Loaders(_minion_options(root, minion_id, formula, pillar))

    return make


def _minion_options(root, minion_id, formula, pillar):
    options = copy.deepcopy(salt.config.DEFAULT_MINION_OPTS)
    options.update(
        id=minion_id,
        root_dir=str(root),
        cachedir=str(root / "cache"),
        # Beside the cache: Loaders empties that one before it loads.
        extension_modules=str(root / "extmods"),
        conf_file=str(root / "minion"),
        file_client="local",
        file_roots={"base": [str(formula)]},
        pillar_roots={"base": [str(pillar)]},
    )
    return options
