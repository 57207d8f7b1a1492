"""
Ask Keystone, Glance, Swift and, where there are machines, Nova through the VIP, one request after
another, until a file appears; print how many were answered, how many of these at the second
attempt, and those that were not.

Runs in the lab's client with its own Python: `client.py TASK.json FILE`.
"""

import json
import pathlib
import sys
import threading
import time

import requests

TIMEOUT = 60
# Seconds between two requests of a kind: a token costs a quarter of one of a core.
PACE = 0.5
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


class Client:
    """A person with a password; requests share no connection."""

    def __init__(self, task):
        self.task = task
        granted = self.log_in()
        self.headers = {"X-Auth-Token": granted.headers["X-Subject-Token"]}
        self.urls = {
            service["type"]: point["url"]
            for service in granted.json()["token"]["catalog"]
            for point in service["endpoints"]
            if point["interface"] == "public"
        }

    def log_in(self):
        domain = {"id": "default"}
        user = {"name": self.task["user"], "password": self.task["password"], "domain": domain}
        scope = {"project": {"name": "admin", "domain": domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        body = {"auth": {"identity": identity, "scope": scope}}
        url = f"{self.task['url']}/v3/auth/tokens"
        answer = requests.post(url, json=body, timeout=TIMEOUT, verify=CA_BUNDLE)
        answer.raise_for_status()
        return answer

    def list_images(self):
        self._get(f"{self.urls['image']}/v2/images")

    def list_containers(self):
        self._get(self.urls["object-store"])

    def list_machines(self):
        self._get(f"{self.urls['compute']}/servers")

    def _get(self, url):
        answer = requests.get(url, headers=self.headers, timeout=TIMEOUT, verify=CA_BUNDLE)
        answer.raise_for_status()


def main(task_file, enough):
    with open(task_file, encoding="utf-8") as source:
        client, end = Client(json.load(source)), pathlib.Path(enough)
    asks = {
        "keystone": client.log_in,
        "glance": client.list_images,
        "swift": client.list_containers,
    }
    if "compute" in client.urls:
        asks["nova"] = client.list_machines
    answered, again, failed = dict.fromkeys(asks, 0), [], []

    def keep_asking(name, ask):
        why = None
        while not end.exists():
            time.sleep(PACE)
            try:
                ask()
            except requests.RequestException as exc:
                (failed if why else again).append(f"{name}: {exc}")
                why = exc
            else:
                answered[name] += 1
                why = None

    asking = [threading.Thread(target=keep_asking, args=one) for one in asks.items()]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    print(json.dumps({"answered": answered, "again": again, "failed": failed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
