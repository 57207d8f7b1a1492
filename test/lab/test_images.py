"""
Keystone and Glance, as anybody outside uses them: the catalog, tokens whatever becomes of the keys,
and images that are the same through every controller.

LAB_ROTATIONS is the number of rotations (4, and 10 in `make rotations`).
"""

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from images.transfers import Images

OPENSTACK = "/opt/client/bin/openstack"
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
ROTATIONS = int(os.environ.get("LAB_ROTATIONS", "4"))


@pytest.fixture(scope="module")
def images(lab):
    return Images(lab)


def test_the_catalog_comes_through_the_vip(lab):
    keystone = lab.inventory["credentials"]["keystone"]
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
    lab.client.write("/root/openrc", "\n".join(lines) + "\n", mode=0o600)
    command = f". /root/openrc; {OPENSTACK} endpoint list --format json"
    found = json.loads(lab.client.check(["sh", "-c", command]))
    types = {"identity", "image", "object-store", "placement"}
    if "nova" in lab.inventory["credentials"]:
        types.add("compute")
    assert {one["Service Type"] for one in found} == types
    assert all(one["URL"].startswith("https://") for one in found)


def test_rotations_of_the_keys_end_no_token_on_any_controller(lab, images):
    enough = "/run/image-client.enough"
    lab.client.check(["rm", "-f", enough])
    before = lab.master.run("openstack_ha_keystone.keys", "demo")["fernet"]
    with ThreadPoolExecutor() as pool:
        using = pool.submit(images.ask, "tokens", *images.controllers)
        try:
            for _ in range(ROTATIONS):
                after = lab.master.run("openstack_ha_keystone.rotate", "demo")["fernet"]
        finally:
            lab.client.check(["touch", enough])
        validated, *refused = using.result()
    assert max(map(int, after)) == max(map(int, before)) + ROTATIONS
    assert refused == []
    # Tokens of before the first rotation were asked about after the last one.
    assert int(validated) > ROTATIONS * len(images.controllers)


def test_an_image_is_the_same_through_every_controller(images):
    image = images.ask("upload", images.controllers[0])
    for address in images.controllers:
        assert images.ask("download", address, image[0]) == image
