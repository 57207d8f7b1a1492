"""The Python that runs Salt gets by its own pip what it lacks."""

import pytest

PACKAGE = "chardet==5.2.0"


@pytest.fixture
def lacking(modules):
    modules.pip.uninstall("chardet")
    yield
    modules.pip.uninstall("chardet")


def test_what_is_missing_is_shown_installed_and_then_left_alone(states, lacking):
    for test, result in ((True, None), (False, True), (True, True), (False, True)):
        done = states.openstack_ha_python.satisfied(name="trial", pkgs=[PACKAGE], test=test)
        assert done.result is result, done.comment
    assert done.changes == {}
