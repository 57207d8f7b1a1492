"""The state asks pip only for what is not there."""

import importlib.util
from pathlib import Path

STATE = Path(__file__).parents[2] / "_states" / "openstack_ha_python.py"
PACKAGES = ["netaddr>=1.0,<2"]


def satisfied(is_there):
    """What it returns, and what pip's own state was asked for."""
    spec = importlib.util.spec_from_file_location("state_of_python", STATE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked = []

    def installed(name, pkgs):
        asked.append(pkgs)
        return {"name": name, "result": None, "changes": {}, "comment": "pip's"}

    module.__salt__ = {"openstack_ha_python.satisfies": lambda pkgs: is_there}
    module.__states__ = {"pip.installed": installed}
    return module.satisfied("python", PACKAGES), asked


def test_what_is_there_is_left_alone():
    found, asked = satisfied(True)
    assert (found["result"], found["changes"], asked) == (True, {}, [])


def test_what_is_not_is_pips():
    found, asked = satisfied(False)
    assert (found["comment"], asked) == ("pip's", [PACKAGES])
