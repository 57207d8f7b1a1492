"""All nodes lose their power at once: how long until what is served again, printed."""

import pytest
from chaos import power_cut
from chaos.history import History
from chaos.load import Load
from chaos.scene import Scene


@pytest.fixture
def tell(request):
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    reporter.ensure_newline()
    return reporter.write_line


def test_everything_is_served_again(lab, serving, chance, tell):
    serving()
    history = History(tell)
    history.round("power cut of all nodes")
    with Load(lab) as load:
        phases = power_cut.measure(lab, load, Scene(lab, load, chance, history))
    tell("  seconds after the last boot:")
    for name, seconds in phases.items():
        tell(f"  {'-' if seconds is None else format(seconds, '.1f'):>8}  {name}")
    # Galera comes back by itself, without a decision, where the last view is complete.
    phases.pop(power_cut.DECISION)
    assert None not in phases.values()
    serving()
