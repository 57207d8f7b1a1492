"""What kitchen's suites share. They look at the container that `make kitchen` has converged."""

import json

import pytest

# Where kitchen.yml has kitchen-salt put the minion's configuration.
CONFIG = "/opt/kitchen/etc/salt"


def pytest_configure(config):
    if not config.getoption("--hosts"):
        pytest.exit("this tier looks at a container of kitchen's; `make kitchen` starts one", 4)


@pytest.fixture(scope="module")
def salt_call(host):
    """Return a function that calls one of Salt's on the node and returns the answer."""

    def call(*words):
        command = " ".join(["salt-call", f"--config-dir={CONFIG}", "--out=json", *words])
        return json.loads(host.check_output(command))["local"]

    return call
