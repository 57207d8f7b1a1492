"""A browser on a host outside the cluster, as tests use it."""

import base64
import json
import subprocess
from pathlib import Path

from lab import LabError

DRIVER, TASK = "/opt/browser/driver.py", "/opt/browser/task.json"


class Browser:
    """One person's; each order waits for its answer."""

    def __init__(self, lab, host, folder, **task):
        self.host, self.folder = host, folder
        known = lab.inventory["credentials"]
        account = {key: known["keystone"][key] for key in ("user", "password")}
        url = f"https://{lab.inventory['vip']['fqdn']}"
        content = {"url": url, **account, **task}
        source = Path(__file__).with_name("driver.py")
        host.write(DRIVER, source.read_text(encoding="utf-8"))
        host.write(TASK, json.dumps(content), mode=0o600)
        argv = ["/usr/bin/python3", DRIVER, TASK]
        self.process = subprocess.Popen(
            host.exec(argv, "-i"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def __call__(self, order, **words):
        """Give an order; return its result, or fail with what the page showed."""
        self.process.stdin.write(json.dumps({"do": order, **words}) + "\n")
        self.process.stdin.flush()
        answer = self._answer()
        if "error" in answer:
            kept = self.folder / f"{order}.png"
            kept.write_bytes(base64.b64decode(answer.get("picture", "")))
            raise LabError(
                f"the browser could not {order}: {answer['error']} at {answer['page']}; "
                f"{kept} shows it:\n{answer['text']}"
            )
        return answer["result"]

    def show(self, path):
        """Keep a picture of the page."""
        Path(path).write_bytes(base64.b64decode(self("picture")))

    def close(self):
        """Let it end, in the middle of what it does where a test has ended early."""
        self.process.stdin.close()
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise LabError(f"the browser of {self.host.id} has ended: {self.process.wait()}")
        return json.loads(line)
