"""
Images are the same through every controller, whichever controller or storage node is down; and so
are tokens, whatever becomes of the keys.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench import failover
from lab.waiting import wait_for

PYTHON, OPENSTACK = "/opt/client/bin/python", "/opt/client/bin/openstack"
CLIENT, TASK = "/opt/client/image_client.py", "/etc/image-client.json"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
SIZE = 200 << 20
PORT = 9292
PATIENCE = 180
ROTATIONS = 10


@pytest.fixture(scope="module")
def ask(full):
    """Return a function that runs a verb of client.py, and returns the words that it prints."""
    known = full.inventory["credentials"]["swift"]
    source = (Path(__file__).parent / "images/client.py").read_text()
    full.client.write(CLIENT, source)
    full.client.write(TASK, json.dumps({**known, "image_port": PORT}), mode=0o600)
    return lambda *words: full.client.check([PYTHON, CLIENT, TASK, *map(str, words)]).split()


@pytest.fixture(scope="module")
def controllers(full):
    return {node.id: node.address for node in full.nodes.values() if "controller" in node.roles}


@pytest.fixture(scope="module")
def image(ask, controllers):
    """The id of an image that came through the first controller, and the hash of its bytes."""
    return ask("upload", next(iter(controllers.values())), SIZE)


@pytest.fixture
def power(full):
    yield
    for node in full.nodes.values():
        node.boot()
    names = sorted(full.nodes)
    wait_for(lambda: full.master.answering(",".join(names)) == names, PATIENCE, "every minion")


def test_the_catalog_comes_through_the_vip(full):
    keystone = full.inventory["credentials"]["keystone"]
    variables = {
        "OS_AUTH_URL": f"{keystone['url']}/v3",
        "OS_USERNAME": keystone["user"],
        "OS_PASSWORD": keystone["password"],
        "OS_PROJECT_NAME": "admin",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_CACERT": CA_BUNDLE,
    }
    lines = [f"export {name}='{value}'" for name, value in variables.items()]
    full.client.write("/root/openrc", "\n".join(lines) + "\n", mode=0o600)
    command = f". /root/openrc; {OPENSTACK} endpoint list --format json"
    found = json.loads(full.client.check(["sh", "-c", command]))
    assert {one["Service Type"] for one in found} == {"identity", "image", "object-store"}
    assert all(one["URL"].startswith("https://") for one in found)


def test_ten_rotations_of_the_keys_end_no_token_on_any_controller(full, ask, controllers):
    enough = "/run/image-client.enough"
    full.client.check(["rm", "-f", enough])
    before = full.master.run("openstack_ha_keystone.keys", "demo")["fernet"]
    with ThreadPoolExecutor() as pool:
        using = pool.submit(ask, "tokens", *controllers.values())
        try:
            for _ in range(ROTATIONS):
                after = full.master.run("openstack_ha_keystone.rotate", "demo")["fernet"]
        finally:
            full.client.check(["touch", enough])
        validated, *refused = using.result()
    assert max(map(int, after)) == max(map(int, before)) + ROTATIONS
    assert refused == []
    # Tokens of before the first rotation were asked about after the last one.
    assert int(validated) > ROTATIONS * len(controllers)


def test_an_image_is_the_same_through_every_controller(ask, image, controllers):
    for address in controllers.values():
        assert ask("download", address, image[0]) == image


def test_it_is_the_same_while_one_node_is_down(full, ask, image, controllers, chance, power):
    storage = full.with_role("storage")
    for down in (chance.choice(storage), chance.choice(list(controllers))):
        full.node(down).kill()
        wait_for(lambda node=down: _counts_as_down(full, node), PATIENCE, f"the end of {down}")
        for node, address in controllers.items():
            if node != down:
                wait_for(lambda at=address: _serves(full, at), PATIENCE, f"Glance on {node}")
                assert ask("download", address, image[0]) == image
        full.node(down).boot()
        full.node(down).wait_booted()
        wait_for(lambda node=down: full.master.answering(node), PATIENCE, f"{down} to come back")


@pytest.fixture
def half_way(full, ask):
    """Return a function that starts transfers, acts when each is half way, and gives their ends."""
    go_on = "/run/image-client.go-on"

    def run(transfers, act):
        marks = [f"/run/image-client.{words[0]}" for words in transfers]
        full.client.check(["rm", "-f", go_on, *marks])
        there = ["sh", "-c", " && ".join(f"test -e {mark}" for mark in marks)]
        with ThreadPoolExecutor() as pool:
            running = [pool.submit(ask, *words, "slowly") for words in transfers]
            wait_for(lambda: full.client.run(there).rc == 0, PATIENCE, "half of the bytes", 0.1)
            act()
            full.client.check(["touch", go_on])
            return [one.result() for one in running]

    return run


def test_a_storage_node_that_dies_ends_no_transfer(
    full, ask, image, controllers, chance, power, half_way
):
    storage = full.with_role("storage")
    first, *_, last = controllers.values()
    transfers = [("download", first, image[0]), ("upload", last, SIZE)]
    victim = full.node(chance.choice(storage))
    downloaded, uploaded = half_way(transfers, victim.kill)
    assert downloaded == image
    assert ask("download", first, uploaded[0]) == uploaded


def test_the_vips_holder_that_dies_ends_no_transfer(full, ask, image, controllers, power, half_way):
    """Both reach Swift through the VIP, on connections that nobody answers any more."""
    holder = failover.vip_holder(full)
    first, last = (address for node, address in controllers.items() if node != holder)
    transfers = [("download", first, image[0]), ("upload", last, SIZE)]
    downloaded, uploaded = half_way(transfers, full.node(holder).kill)
    assert downloaded == image
    assert ask("download", first, uploaded[0]) == uploaded


def _counts_as_down(full, down):
    """Whether the others' HAProxy have no server on a node, and the VIP has another holder."""
    others = [name for name in full.with_role("controller") if name != down]
    rows = full.master.salt(",".join(others), "openstack_ha_haproxy.status", patience=10)
    failover.vip_holder(full)
    return set(rows) == set(others) and not [
        row for lines in rows.values() for row in lines if row["name"] == down and row["serving"]
    ]


def _serves(full, address):
    url = f"http://{address}:{PORT}/healthcheck"
    return full.client.run(["curl", "--fail", "--silent", "--max-time", "5", url]).rc == 0
