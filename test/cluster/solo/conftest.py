"""Solo: this host becomes its one controller, step by step, by its master's word."""

import pytest


@pytest.fixture(scope="session")
def solo(start_minion, sync):
    """The minion of solo's controller; the master looks at it as long as nothing is configured."""
    minion = start_minion("solo1")
    with minion.started():
        sync(minion)
        yield minion


@pytest.fixture(scope="session")
def apply(master, solo):
    """Return a function that applies a system's states to solo's controller."""

    def call(system, **more):
        result = master.salt_cli().run(
            "state.apply", f"openstack_ha.{system}", minion_tgt=solo.id, **more
        )
        assert isinstance(result.data, dict), result
        return list(result.data.values()), result

    return call


@pytest.fixture(scope="session")
def applied(apply):
    """Return a function that applies systems, all of whose states succeed."""

    def call(*systems, **more):
        for system in systems:
            states, result = apply(system, **more)
            assert all(one["result"] is True for one in states), result
        return states

    return call


@pytest.fixture
def on_node(ask, solo):
    """Return a function that runs a module's function on solo's controller."""

    def call(function, *more):
        return ask(solo.id, function, *more)

    return call
