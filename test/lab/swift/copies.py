"""
Where the copies of objects are, asked on a storage node with Swift's own library.

`copies.py missing ACCOUNT` reads lines `[container, object]` from its input and prints those copies
of accounts, containers and objects that a device should have and does not. `copies.py handoffs`
prints the parts that this node's devices have and should not.
"""

import concurrent.futures
import json
import pathlib
import sys

from swift.common import direct_client
from swift.common.exceptions import ClientException
from swift.common.ring import Ring

FOLDER = "/etc/swift"
ROOT = pathlib.Path("/srv/node")
KINDS = {"accounts": "account", "containers": "container", "objects": "object"}
TIMEOUT = 10


def ring(kind):
    return Ring(FOLDER, ring_name=kind)


def missing(account):
    rings = {kind: ring(kind) for kind in KINDS.values()}
    paths = [tuple(json.loads(line)) for line in sys.stdin]
    wanted = {("account", account)}
    wanted |= {("container", account, container) for container, _ in paths}
    wanted |= {("object", account, *path) for path in paths}

    def absent(one):
        kind, *names = one
        part, nodes = rings[kind].get_nodes(*names)
        return [
            f"{node['ip']}/{node['device']}/{kind}/{'/'.join(names)}"
            for node in nodes
            if not is_there(kind, node, part, names)
        ]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for found in pool.map(absent, sorted(wanted)):
            print(*found, sep="\n", end="\n" if found else "")


def is_there(kind, node, part, names):
    timeouts = {"conn_timeout": TIMEOUT, "response_timeout": TIMEOUT}
    try:
        if kind == "account":
            direct_client.direct_get_account(node, part, *names, limit=1, **timeouts)
        elif kind == "container":
            direct_client.direct_head_container(node, part, *names, **timeouts)
        else:
            direct_client.direct_head_object(
                node, part, *names, headers={"X-Backend-Storage-Policy-Index": "0"}, **timeouts
            )
    except (ClientException, OSError):
        return False
    return True


def handoffs(address):
    for folder, kind in KINDS.items():
        known = ring(kind)
        for part in sorted(ROOT.glob(f"*/{folder}/[0-9]*")):
            device = part.parts[-3]
            nodes = known.get_part_nodes(int(part.name))
            is_own = any(node["ip"] == address and node["device"] == device for node in nodes)
            if not is_own and any(path.is_file() for path in part.rglob("*.d*")):
                print(part)


VERBS = {"missing": missing, "handoffs": handoffs}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
