"""Whether a storage node's servers are well, by servers that answer, refuse and hang up."""

import http.server
import threading

import openstack_ha_cluster
import pytest
from runners import load, utils
from support import example


class Server(http.server.ThreadingHTTPServer):
    """Answers /healthcheck with ``status``."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.asked = 200, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.server.status:
            self.send_response(self.server.status)
            self.end_headers()

    def log_message(self, *words):
        """Nobody reads it."""


@pytest.fixture
def servers():
    made = {kind: Server() for kind in ("account", "container", "object")}
    yield made
    for one in made.values():
        one.shutdown()
        one.server_close()


@pytest.fixture
def node(servers):
    cluster = openstack_ha_cluster.complete(example())
    own = {**cluster["nodes"]["sto1"], "id": "sto1", "address": "127.0.0.1"}
    rings = {
        kind: {**cluster["swift"]["rings"][kind], "port": one.server_address[1]}
        for kind, one in servers.items()
    }
    # One address for all, which is not the example's.
    own["storage"] = {**own["storage"], "replication_address": "127.0.0.1"}
    view = {**cluster, "self": own, "swift": {**cluster["swift"], "rings": rings}}
    module = load("_modules", "openstack_ha_swift_storage_turn", __utils__=utils())
    module.__salt__ = {"openstack_ha.view": lambda: view}
    return module


def test_a_node_serves_when_all_of_its_servers_are_well(node, servers):
    assert node.serves() is True
    assert {path for one in servers.values() for path in one.asked} == {"/healthcheck"}
    assert all(one.asked for one in servers.values())


@pytest.mark.parametrize("status", [503, None], ids=["ill", "without an answer"])
@pytest.mark.parametrize("kind", ["account", "container", "object"])
def test_one_that_is_not_well_is_enough(node, servers, kind, status):
    servers[kind].status = status
    assert node.serves() is False


def test_a_server_that_does_not_listen_is_not_well(node, servers):
    servers["container"].shutdown()
    servers["container"].server_close()
    assert node.serves() is False
    # The fixture ends it once more.
    servers["container"] = Server()
