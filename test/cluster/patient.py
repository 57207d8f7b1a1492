"""
Salt's daemons, whose commands end when they are done.

The factories kill a command after 25 s. One of a busy host needs half of that to start.
"""

from saltfactories.daemons.master import SaltMaster
from saltfactories.daemons.minion import SaltMinion

# Seconds.
PATIENCE = 600


class PatientMaster(SaltMaster):
    """A master whose ``salt`` and ``salt-run`` are waited for."""

    def salt_cli(self, **more):
        return super().salt_cli(**{"timeout": PATIENCE, **more})

    def salt_run_cli(self, **more):
        return super().salt_run_cli(**{"timeout": PATIENCE, **more})


class PatientMinion(SaltMinion):
    """A minion whose ``salt-call`` is waited for."""

    def salt_call_cli(self, **more):
        return super().salt_call_cli(**{"timeout": PATIENCE, **more})
