"""
Uses Swift as anybody does, in the lab's client with its own Python: `client.py TASK.json VERB`.

`account` prints the account. `put` writes the objects of the task through the VIP, `check ADDRESS`
reads all of them through one proxy and compares each bit, `list` prints every object. `work` writes
and reads for ever and logs each operation, and `verify` reads all that `work` has written. An
operation is tried once: nothing that fails stays unseen.
"""

import itertools
import json
import pathlib
import random
import sys
import threading
import time
import urllib.parse

import swiftclient

OBJECTS, SEGMENTS, WORK = "objects", "segments", "work"
SEGMENT = 20 << 20
CHUNK = 1 << 16
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
# Of the objects in `work`: most are small, some are not. An hour of them is a quarter of the disks.
SIZES = {100: 8, 4_000: 8, 70_000: 3, 1_000_000: 1}
WORKERS = 3
PAUSE = 0.3


def connection(task, address=None):
    """A connection through the VIP, or to one proxy, which speaks in the clear."""
    names = ("project_name", "user_domain_name", "project_domain_name")
    options = dict(zip(names, (task.get("project"), "Default", "Default"), strict=True))
    made = swiftclient.Connection(
        authurl=task["auth_url"],
        user=task["user"],
        key=task["password"],
        auth_version=task["auth_version"],
        os_options=options if task["auth_version"] == "3" else {},
        cacert=CA_BUNDLE,
        retries=0,
        timeout=60,
    )
    url, token = made.get_auth()
    made.close()
    if address:
        url = f"http://{address}:{task['port']}{urllib.parse.urlsplit(url).path}"
    return swiftclient.Connection(
        preauthurl=url, preauthtoken=token, cacert=CA_BUNDLE, retries=0, timeout=60
    )


def account(task):
    """Print the account that the objects are in."""
    print(connection(task).url.rpartition("/")[2])


def content(name, size):
    """The bytes of an object, by its name alone."""
    return random.Random(name).randbytes(size)


def put(task):
    swift = connection(task)
    for container in (OBJECTS, SEGMENTS):
        swift.put_container(container)
    for name, size in task["objects"].items():
        data = content(name, size)
        if size <= SEGMENT:
            swift.put_object(OBJECTS, name, data)
        else:
            put_segmented(swift, name, data)


def put_segmented(swift, name, data):
    """A static large object."""
    manifest = []
    for number, start in enumerate(range(0, len(data), SEGMENT)):
        part, path = data[start : start + SEGMENT], f"{name}/{number:04d}"
        etag = swift.put_object(SEGMENTS, path, part)
        manifest.append({"path": f"/{SEGMENTS}/{path}", "etag": etag, "size_bytes": len(part)})
    swift.put_object(OBJECTS, name, json.dumps(manifest), query_string="multipart-manifest=put")


def check(task, address):
    swift = connection(task, address)
    for name, size in task["objects"].items():
        _, body = swift.get_object(OBJECTS, name, resp_chunk_size=CHUNK)
        if b"".join(body) != content(name, size):
            sys.exit(f"{name} through {address} is not what was written")


def listing(task):
    swift = connection(task)
    _, containers = swift.get_account(full_listing=True)
    for container in (one["name"] for one in containers):
        _, objects = swift.get_container(container, full_listing=True)
        for one in objects:
            print(json.dumps([container, one["name"]]))


class Worker:
    """Writes an object, reads one that it has written, and so on; the log has what failed."""

    def __init__(self, task, number, log):
        self.swift = connection(task)
        self.prefix = f"{task['run']}-{number}"
        self.log = log
        self.written = {}
        self.random = random.Random(number)

    def run(self):
        for number in itertools.count():
            name = f"{self.prefix}-{number}"
            (size,) = self.random.choices(list(SIZES), list(SIZES.values()))
            if self.tried("PUT", name, self.write, size):
                self.written[name] = size
            known = self.random.choice(list(self.written) or [name])
            self.tried("GET", known, self.read, self.written.get(known, size))
            time.sleep(PAUSE)

    def tried(self, verb, name, function, size):
        begin = time.time()
        try:
            function(name, size)
        except Exception as exc:
            took = time.time() - begin
            self.log(
                "f", verb, name, f"{took:.1f}", " ".join(f"{type(exc).__name__} {exc}".split())
            )
            return False
        self.log("a", verb, name, f"{time.time() - begin:.3f}")
        return True

    def write(self, name, size):
        self.swift.put_object(WORK, name, content(name, size))

    def read(self, name, size):
        _, body = self.swift.get_object(WORK, name)
        if body != content(name, size):
            raise ValueError("other content than was written")


def work(task):
    path = pathlib.Path(task["log"])
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = threading.Lock()
    with path.open("w", encoding="utf-8") as handle:

        def log(*words):
            with lock:
                print(*words, file=handle, flush=True)

        connection(task).put_container(WORK)
        workers = [Worker(task, number, log) for number in range(WORKERS)]
        threads = [threading.Thread(target=worker.run, daemon=True) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def verify(task):
    """Every object whose write was acknowledged is there, with its content."""
    swift = connection(task)
    sizes = {}
    for line in pathlib.Path(task["log"]).read_text(encoding="utf-8").splitlines():
        fate, verb, name, *_ = line.split(" ", 4)
        if (fate, verb) == ("a", "PUT"):
            sizes[name] = None
    for name in sizes:
        _, body = swift.get_object(WORK, name)
        if body != content(name, len(body)) or len(body) not in SIZES:
            sys.exit(f"{name} is not what was written")
    print(len(sizes))


VERBS = {
    "account": account,
    "put": put,
    "check": check,
    "list": listing,
    "work": work,
    "verify": verify,
}

if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as source:
        VERBS[sys.argv[2]](json.load(source), *sys.argv[3:])
