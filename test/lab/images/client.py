"""
Uses Keystone and Glance as anybody does, in the lab's client with its own Python:
`client.py TASK.json VERB`.

`upload ADDRESS SIZE` makes an image of so many bytes through one controller and prints its id,
`download ADDRESS ID` reads it through another one; both print the SHA-512 of the bytes. With the
word `slowly` at the end they write the file HALF_WAY when half is through, for whoever waits for
that, and trickle on until the file GO_ON is there.

`tokens ADDRESS...` asks for one token after another and has each controller validate all of them,
until the file ENOUGH is there. It prints how many were validated, and what was refused.
"""

import hashlib
import json
import random
import sys
import time
from pathlib import Path

import requests

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
CHUNK = 1 << 20
TIMEOUT = 120
HALF_WAY = "/run/image-client.{}"
GO_ON = Path("/run/image-client.go-on")
# Seconds a piece: what is left of 200 MB at half lasts for a minute.
TRICKLE = 0.6
ENOUGH = Path("/run/image-client.enough")
KEYSTONE = 5000


def token(task):
    """A token of the task's user, by the VIP."""
    domain = {"name": "Default"}
    user = {"name": task["user"], "domain": domain, "password": task["password"]}
    auth = {
        "identity": {"methods": ["password"], "password": {"user": user}},
        "scope": {"project": {"name": task["project"], "domain": domain}},
    }
    asked = requests.post(
        f"{task['auth_url']}/auth/tokens", json={"auth": auth}, verify=CA_BUNDLE, timeout=TIMEOUT
    )
    asked.raise_for_status()
    return asked.headers["X-Subject-Token"]


def images(task, address):
    """Glance on one controller, which speaks in the clear there."""
    return f"http://{address}:{task['image_port']}/v2/images"


def content(size):
    """So many bytes, in pieces."""
    made = random.Random(size)
    for start in range(0, size, CHUNK):
        yield made.randbytes(min(CHUNK, size - start))


def slowed(pieces, size, verb):
    """The same pieces; who waits for it is told when half of them have gone by."""
    gone = 0
    for piece in pieces:
        yield piece
        gone += len(piece)
        if gone * 2 >= size and not GO_ON.exists():
            Path(HALF_WAY.format(verb)).touch()
            time.sleep(TRICKLE)


def upload(task, address, size, slowly=None):
    headers, digest = {"X-Auth-Token": token(task)}, hashlib.sha512()
    facts = {"name": "trial", "disk_format": "raw", "container_format": "bare"}
    asked = requests.post(images(task, address), json=facts, headers=headers, timeout=TIMEOUT)
    asked.raise_for_status()
    image, made = asked.json()["id"], content(int(size))
    if slowly:
        made = slowed(made, int(size), "upload")

    def pieces():
        for piece in made:
            digest.update(piece)
            yield piece

    asked = requests.put(
        f"{images(task, address)}/{image}/file",
        data=pieces(),
        headers={**headers, "Content-Type": "application/octet-stream"},
        timeout=TIMEOUT,
    )
    asked.raise_for_status()
    print(image, digest.hexdigest())


def download(task, address, image, slowly=None):
    headers, digest = {"X-Auth-Token": token(task)}, hashlib.sha512()
    url = f"{images(task, address)}/{image}/file"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as asked:
        asked.raise_for_status()
        pieces = asked.iter_content(CHUNK)
        if slowly:
            pieces = slowed(pieces, int(asked.headers["Content-Length"]), "download")
        for piece in pieces:
            digest.update(piece)
    print(image, digest.hexdigest())


def tokens(task, *addresses):
    known, validated, refused, is_over = [], 0, [], False
    while not is_over:
        # The last round begins after that.
        is_over = ENOUGH.exists()
        known.append(token(task))
        for address in addresses:
            url = f"http://{address}:{KEYSTONE}/v3/auth/tokens"
            for one in known:
                headers = {"X-Auth-Token": known[-1], "X-Subject-Token": one}
                status = requests.get(url, headers=headers, timeout=TIMEOUT).status_code
                validated += 1
                if status != requests.codes.ok:
                    refused.append(f"{address}:{known.index(one)}:{status}")
    print(validated, *refused)


VERBS = {"upload": upload, "download": download, "tokens": tokens}
if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        VERBS[sys.argv[2]](json.load(source), *sys.argv[3:])
