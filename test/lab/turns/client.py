"""
Ask Keystone and Glance through the VIP, one request after another, until a file appears; print how
many were answered, and those that were not.

Runs in the lab's client with its own Python: `client.py TASK.json FILE`. No request is repeated.
"""

import json
import pathlib
import sys
import threading

import requests

TIMEOUT = 60
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def token(task):
    domain = {"id": "default"}
    user = {"name": task["user"], "password": task["password"], "domain": domain}
    scope = {"project": {"name": "admin", "domain": domain}}
    identity = {"methods": ["password"], "password": {"user": user}}
    body = {"auth": {"identity": identity, "scope": scope}}
    asked = requests.post(
        f"{task['url']}/v3/auth/tokens", json=body, timeout=TIMEOUT, verify=CA_BUNDLE
    )
    asked.raise_for_status()
    return asked.headers["X-Subject-Token"]


def images(task, known):
    headers = {"X-Auth-Token": known}
    asked = requests.get(task["images"], headers=headers, timeout=TIMEOUT, verify=CA_BUNDLE)
    asked.raise_for_status()


def main(task_file, enough):
    with open(task_file, encoding="utf-8") as source:
        task = json.load(source)
    known, end = token(task), pathlib.Path(enough)
    answered, failed = {"keystone": 0, "glance": 0}, []

    def keep_asking(name, ask):
        while not end.exists():
            try:
                ask()
                answered[name] += 1
            except requests.RequestException as exc:
                failed.append(f"{name}: {exc}")

    asking = [
        threading.Thread(target=keep_asking, args=("keystone", lambda: token(task))),
        threading.Thread(target=keep_asking, args=("glance", lambda: images(task, known))),
    ]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    print(json.dumps({"answered": answered, "failed": failed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
