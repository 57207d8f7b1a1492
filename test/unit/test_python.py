"""Which requirements this Python satisfies."""

import importlib.util
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import InvalidRequirement

MODULE = Path(__file__).parents[2] / "_modules" / "openstack_ha_python.py"


@pytest.fixture
def satisfies():
    spec = importlib.util.spec_from_file_location("module_of_python", MODULE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.satisfies


def test_what_is_there_is_enough(satisfies):
    assert satisfies(["netaddr>=1.0,<2", "NetAddr", f"netaddr=={version('netaddr')}"])


@pytest.mark.parametrize("wrong", ["no-such-package-of-anybody", "netaddr>=99", "netaddr<1"])
def test_one_that_is_missing_too_old_or_too_new_is_not(satisfies, wrong):
    assert not satisfies(["netaddr>=1.0,<2", wrong, "jsonschema>=4.0,<5"])


def test_what_is_no_requirement_is_an_error(satisfies):
    with pytest.raises(InvalidRequirement):
        satisfies(["netaddr >= "])
