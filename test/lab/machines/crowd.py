"""Machines that are asked for by the dozen while something happens, and what becomes of each."""

import time
from concurrent.futures import ThreadPoolExecutor

from lab import LabError
from lab.waiting import PATIENCE, wait_for, wait_while

LOG = "/run/machines.accepted"
# Seconds, of a busy machine.
LONGEST = 3600
ON_ITS_WAY = "BUILD"


class Crowd:
    """
    Machines without anything to boot, by a name that they share: an emulated processor that has
    read its BIOS only takes little memory.
    """

    def __init__(self, cloud, prefix):
        self.cloud = cloud
        self.prefix = prefix
        self.made = cloud.ask("prepare_empty")
        # Those accepted, each with when; refusals in words; when what was done meanwhile was done.
        self.accepted, self.refused, self.acted = {}, [], None

    def ask(self, count, enough=0, act=lambda: None):
        """Ask for so many, and do something when enough of them have been accepted."""
        self.cloud.client.check(["rm", "-f", LOG])
        words = ["crowd", self.prefix, count, self.made["image"], self.made["flavor"], LOG]

        def is_time():
            accepted = self.cloud.client.read(LOG).splitlines()
            return asking.done() or len(accepted) >= enough

        with ThreadPoolExecutor() as pool:
            asking = pool.submit(self.cloud.ask, *words)
            wait_for(is_time, LONGEST, f"{enough} of {count} machines to be accepted", 0.1)
            act()
            self.acted = time.time()
            fared = asking.result()
        self.accepted, self.refused = fared["accepted"], fared["refused"]

    def states(self):
        """Return how it stands with all of them, those whose acceptance was not heard too."""
        return self.cloud.ask("states", self.prefix)

    def wait_ended(self, seconds):
        """
        Wait until none is on its way; return how they stand, and the seconds that the slowest took
        from its acceptance on.
        """
        ended, found = {}, {}

        def lacking():
            try:
                found.update(self.states())
            except LabError as exc:
                return exc
            now = time.time()
            for one, state in found.items():
                if state["status"] != ON_ITS_WAY:
                    ended.setdefault(one, now)
            return sorted({*self.accepted, *found} - set(ended))

        wait_while(lacking, seconds, "machines that run, or say why not")
        took = [ended[one] - since for one, since in self.accepted.items()]
        return found, max(took, default=0)

    def delete(self):
        """Delete them, and wait until they are gone."""
        self.cloud.ask("delete", *self.states())
        wait_while(self.states, PATIENCE, "machines to be gone")
