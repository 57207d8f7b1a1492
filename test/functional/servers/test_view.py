"""A node's view of its cluster; test/cluster shows that the minion learns it."""

import pytest


@pytest.mark.parametrize("is_test", (True, False))
def test_a_run_says_that_the_minion_knows_and_changes_nothing(loaders, is_test):
    result = loaders.states.openstack_ha.view_known(name="demo", test=is_test)
    assert (result.result, result.changes) == (True, {}), result.comment
