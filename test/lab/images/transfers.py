"""Images as the tests of the lab move them: by clients outside, through one controller each."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab.waiting import PATIENCE, wait_for

PYTHON = "/opt/client/bin/python"
CLIENT, TASK = "/opt/client/image_client.py", "/etc/image-client.json"
PORT = 9292
SIZE = 200 << 20
GO_ON = "/run/image-client.go-on"


class Images:
    """The client's verbs, and transfers that something happens to."""

    def __init__(self, lab):
        self.lab = lab
        self.client = lab.client
        self.controllers = [lab.node(one).address for one in lab.with_role("controller")]
        source = Path(__file__).with_name("client.py").read_text()
        self.client.write(CLIENT, source)
        known = lab.inventory["credentials"]["swift"]
        self.client.write(TASK, json.dumps({**known, "image_port": PORT}), mode=0o600)

    def ask(self, verb, *words):
        """Run a verb of client.py, and return the words that it prints."""
        words = (*words, SIZE) if verb == "upload" and SIZE not in words else words
        return self.client.check([PYTHON, CLIENT, TASK, verb, *map(str, words)]).split()

    def serves(self, address):
        """Whether Glance answers on a controller."""
        url = f"http://{address}:{PORT}/healthcheck"
        return self.client.run(["curl", "--fail", "--silent", "--max-time", "5", url]).rc == 0

    def half_way(self, transfers, act):
        """
        Start transfers, `(verb, address, ...)`, and act when each is half way; return what that
        returned, and their ends.
        """
        marks = [f"/run/image-client.{verb}" for verb, *_ in transfers]
        self.client.check(["rm", "-f", GO_ON, *marks])
        there = ["sh", "-c", " && ".join(f"test -e {mark}" for mark in marks)]
        with ThreadPoolExecutor() as pool:
            running = [pool.submit(self._slowly, *words) for words in transfers]
            wait_for(lambda: self.client.run(there).rc == 0, PATIENCE, "half of the bytes", 0.1)
            done = act()
            self.client.check(["touch", GO_ON])
            return done, [one.result() for one in running]

    def _slowly(self, verb, address, *words):
        size = (SIZE,) if verb == "upload" else ()
        return self.ask(verb, address, *size, *words, "slowly")
