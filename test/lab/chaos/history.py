"""What happens in a chaos run, told line by line as it happens."""

import time


class History:
    """Tells lines with the seconds since the round began, and knows when each host was off."""

    def __init__(self, tell):
        self.tell = tell
        self.begin = self.last_step = time.time()
        self.powered_off = []

    def round(self, title):
        """A round begins."""
        self.begin = self.last_step = time.time()
        self.tell(f"{time.strftime('%H:%M:%S')} {title}")

    def line(self, text, at=None):
        """Something was seen."""
        self.tell(f"  {(at or time.time()) - self.begin:+8.1f}  {text}")

    def step(self, text):
        """Something was done to the lab."""
        self.line(text)
        self.last_step = time.time()

    def power_off(self, node):
        """A node's processes have ended, and its journal could not say so."""
        self.powered_off.append((node, time.time()))

    def decision(self, tag, event):
        """The master has decided: `openstack_ha/<cluster>/<system>/decision`."""
        nodes = " ".join(event.get("nodes", []))
        system = tag.split("/")[2]
        self.line(f"{system}: {event.get('verdict')} {nodes}: {event.get('why')}")
