"""
Uses Nova as anybody does, through the VIP, in the lab's client with its own Python:
`client.py VERB ...` prints what came of it as JSON.

Floating addresses and security groups are Nova's own here, which only the first version of its API
has (2.1); so all is asked of that one.

`echo PORT` is the world outside: an HTTP server that tells everybody the address that it sees.
"""

import base64
import concurrent.futures
import http.server
import json
import pathlib
import sys
import threading
import time
import urllib.parse

import keystoneauth1.exceptions
import openstack
import websocket

CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
IMAGE = "/opt/client/guest.img"
NAME = "trial"
MEGABYTES = 192
# Of machines that are there to be made only: they find nothing to boot, and stay at the BIOS' word.
EMPTY, EMPTY_MEGABYTES = "empty", 64
EMPTY_IMAGE = "/run/empty.img"
# Requests for such machines that are under way together, and how often each is made at most.
AT_ONCE, ATTEMPTS = 4, 2
TIMEOUT = 120


def named(found, name):
    """The one of a name, or None."""
    return next((one for one in found if one["name"] == name), None)


class Cloud:
    """An administrator's session, by the client's clouds.yaml."""

    def __init__(self):
        self.connection = openstack.connect(cloud="admin", api_timeout=TIMEOUT)

    def nova(self, method, path, body=None):
        """Ask Nova; what is refused raises."""
        answer = self.connection.session.request(
            path, method, json=body, endpoint_filter={"service_type": "compute"}
        )
        return answer.json() if answer.content else None

    def act(self, machine, **action):
        """Have a machine do something."""
        return self.nova("POST", f"/servers/{machine}/action", action)


def prepare(cloud):
    """What each machine is made of, made where it is not there."""
    images = cloud.connection.image
    image = images.find_image(NAME) or images.create_image(
        NAME,
        filename=IMAGE,
        disk_format="raw",
        container_format="bare",
        visibility="public",
        wait=True,
    )
    key = named([one["keypair"] for one in cloud.nova("GET", "/os-keypairs")["keypairs"]], NAME)
    key = key or cloud.nova("POST", "/os-keypairs", {"keypair": {"name": NAME}})["keypair"]
    return {"image": image.id, "flavor": flavor(cloud, NAME, MEGABYTES), "key": key["public_key"]}


def flavor(cloud, name, megabytes, gigabytes=1):
    """The id of a flavor with some memory and disk, made where it is not there."""
    size = {"name": name, "ram": int(megabytes), "vcpus": 1, "disk": int(gigabytes)}
    found = named(cloud.nova("GET", "/flavors")["flavors"], name)
    return (found or cloud.nova("POST", "/flavors", {"flavor": size})["flavor"])["id"]


def role(cloud, name):
    """The id of a role, made where it is not there."""
    identity = cloud.connection.identity
    return (identity.find_role(name) or identity.create_role(name=name)).id


def prepare_empty(cloud):
    """What machines that are only made are made of, and room for as many as there may be."""
    images = cloud.connection.image
    pathlib.Path(EMPTY_IMAGE).write_bytes(bytes(2**20))
    image = images.find_image(EMPTY) or images.create_image(
        EMPTY, filename=EMPTY_IMAGE, disk_format="raw", container_format="bare", wait=True
    )
    quotas = {"instances": -1, "cores": -1, "ram": -1, "force": True}
    project = cloud.connection.current_project_id
    cloud.nova("PUT", f"/os-quota-sets/{project}", {"quota_set": quotas})
    return {"image": image.id, "flavor": flavor(cloud, EMPTY, EMPTY_MEGABYTES, 0)}


def crowd(cloud, prefix, count, image, flavor, log):
    """
    Ask for many machines, several at once, each a second time where it is refused or cut. The log
    gets a line with each that is accepted, when it is.
    """
    writing, accepted, refused = threading.Lock(), {}, []
    cloud.connection.authorize()

    def ask(number):
        facts = {"name": f"{prefix}-{number}", "imageRef": image, "flavorRef": flavor}
        for _ in range(ATTEMPTS):
            try:
                made = cloud.nova("POST", "/servers", {"server": facts})["server"]["id"]
            except keystoneauth1.exceptions.ClientException as exc:
                refused.append(f"{facts['name']}: {exc}")
                continue
            with writing, open(log, "a", encoding="utf-8") as lines:
                accepted[made] = time.time()
                lines.write(f"{made}\n")
            return

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(ask, range(int(count))))
    return {"accepted": accepted, "refused": refused}


def states(cloud, prefix):
    """How it stands with machines whose names begin alike, by id."""
    found = cloud.nova("GET", f"/servers/detail?name={prefix}")["servers"]
    states = {}
    for one in found:
        # A list has no faults of machines that never reached a cell.
        is_bare = one["status"] == "ERROR" and "fault" not in one
        told = cloud.nova("GET", f"/servers/{one['id']}")["server"] if is_bare else one
        if told["name"].startswith(f"{prefix}-"):
            states[told["id"]] = {key: told.get(key) for key in ("name", "status", "fault")}
    return states


def reports(cloud):
    """Whether Nova takes the compute nodes for alive, by host."""
    found = cloud.nova("GET", "/os-services?binary=nova-compute")["services"]
    return {one["host"]: one["state"] for one in found}


def boot(cloud, name, host, image, flavor, user_data):
    facts = {
        "name": name,
        "imageRef": image,
        "flavorRef": flavor,
        "key_name": NAME,
        "availability_zone": f"nova:{host}",
        "user_data": base64.b64encode(user_data.encode()).decode(),
    }
    return cloud.nova("POST", "/servers", {"server": facts})["server"]["id"]


def show(cloud, machine):
    found = cloud.nova("GET", f"/servers/{machine}")["server"]
    addresses = [one for many in found["addresses"].values() for one in many]
    return {
        "status": found["status"],
        "host": found["OS-EXT-SRV-ATTR:host"],
        "task": found["OS-EXT-STS:task_state"],
        "fault": found.get("fault"),
        "addresses": {one["OS-EXT-IPS:type"]: one["addr"] for one in addresses},
    }


def delete(cloud, *machines):
    for machine in machines:
        cloud.nova("DELETE", f"/servers/{machine}")


def names(cloud):
    """The machines that there are, by id."""
    return {one["id"]: one["name"] for one in cloud.nova("GET", "/servers")["servers"]}


def console(cloud, machine):
    return cloud.act(machine, **{"os-getConsoleOutput": {}})["output"]


def viewer(cloud, machine):
    """The address of the machine's screen, for a browser."""
    return cloud.act(machine, **{"os-getVNCConsole": {"type": "novnc"}})["console"]["url"]


def watch(_cloud, url, token=None):
    """What a screen says first, as the viewer's page hears it; empty where it is refused."""
    parts = urllib.parse.urlsplit(url)
    # The page is told where it finds the screen, which is known by its token.
    (path,) = urllib.parse.parse_qs(parts.query)["path"]
    place = f"/?token={token}" if token else f"/{path}"
    scheme = {"http": "ws", "https": "wss"}[parts.scheme]
    try:
        with_screen = websocket.create_connection(
            f"{scheme}://{parts.netloc}{place}",
            timeout=TIMEOUT,
            origin=f"{parts.scheme}://{parts.netloc}",
            subprotocols=["binary"],
            sslopt={"ca_certs": CA_BUNDLE},
        )
        said = with_screen.recv()
        with_screen.close()
    except websocket.WebSocketTimeoutException:
        # Neither let in nor refused.
        raise
    except websocket.WebSocketException:
        return ""
    return said.decode() if isinstance(said, bytes) else said


def migrate(cloud, machine, host):
    facts = {"host": host, "block_migration": True, "disk_over_commit": False}
    cloud.act(machine, **{"os-migrateLive": facts})


def allow(cloud, protocol, port):
    """Let everybody in; the id of the rule that does."""
    group = named(cloud.nova("GET", "/os-security-groups")["security_groups"], "default")
    rule = {
        "parent_group_id": group["id"],
        "ip_protocol": protocol,
        "from_port": int(port),
        "to_port": int(port),
        "cidr": "0.0.0.0/0",
    }
    body = {"security_group_rule": rule}
    return cloud.nova("POST", "/os-security-group-rules", body)["security_group_rule"]["id"]


def forbid(cloud, rule):
    cloud.nova("DELETE", f"/os-security-group-rules/{rule}")


def attach(cloud, machine, pool):
    """Give a machine a floating address."""
    found = cloud.nova("POST", "/os-floating-ips", {"pool": pool})["floating_ip"]
    cloud.act(machine, addFloatingIp={"address": found["ip"]})
    return {"id": found["id"], "address": found["ip"]}


def detach(cloud, machine, address, identifier):
    cloud.act(machine, removeFloatingIp={"address": address})
    cloud.nova("DELETE", f"/os-floating-ips/{identifier}")


class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.client_address[0]}\n".encode())


def echo(_cloud, port):
    http.server.ThreadingHTTPServer(("", int(port)), Echo).serve_forever()


VERBS = {
    one.__name__: one
    for one in (
        prepare,
        prepare_empty,
        crowd,
        states,
        reports,
        flavor,
        role,
        boot,
        show,
        delete,
        names,
        console,
        viewer,
        watch,
        migrate,
        allow,
        forbid,
        attach,
        detach,
        echo,
    )
}

if __name__ == "__main__":
    print(json.dumps(VERBS[sys.argv[1]](Cloud(), *sys.argv[2:])))
