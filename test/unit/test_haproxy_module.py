"""The execution module against a socket that answers, is silent, or is not there."""

import importlib.util
import pathlib
import socket
import socketserver
import threading

import openstack_ha_haproxy as utils
import pytest
from salt.exceptions import CommandExecutionError

PATH = pathlib.Path(__file__).parents[2] / "_modules/openstack_ha_haproxy.py"


@pytest.fixture
def module():
    # By its path: the utils module of the same name is the importable one.
    spec = importlib.util.spec_from_file_location("openstack_ha_haproxy_module", PATH)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    loaded.__utils__ = {
        f"openstack_ha_haproxy.{name}": getattr(utils, name)
        for name in (
            "listeners",
            "parse_certificate_end",
            "parse_certificates",
            "parse_info",
            "parse_stat",
            "quote",
        )
    }
    loaded.__grains__ = {"num_cpus": 2}
    loaded.__utils__["openstack_ha_systems.vip_rows"] = lambda: [{"name": "x"}]
    return loaded


@pytest.fixture
def admin_socket(tmp_path):
    """Start a server on a socket that gives one answer; return its path by that answer."""
    servers = []

    def start(answer):
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.rfile.readline()
                self.wfile.write(answer)

        server = socketserver.ThreadingUnixStreamServer(str(tmp_path / "admin"), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_address

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_info_is_what_the_socket_says(module, admin_socket):
    assert module.info(admin_socket(b"Name: HAProxy\nPid: 7\n\n")) == {"Name": "HAProxy", "Pid": 7}


def test_status_is_what_the_socket_says(module, admin_socket):
    header = (
        b"# pxname,svname,qcur,scur,stot,bin,bout,status,bck,lastchg,downtime,type,"
        b"check_status,addr,\n"
    )
    (row,) = module.status(admin_socket(header + b"web,FRONTEND,,0,0,0,0,OPEN,,,,0,,,\n\n"))
    assert (row["proxy"], row["status"], row["serving"]) == ("web", "OPEN", True)


@pytest.mark.parametrize("function", ["status", "info"])
def test_silence_is_an_error_that_says_where_to_look(module, function, tmp_path):
    with pytest.raises(CommandExecutionError, match="journalctl -u haproxy"):
        getattr(module, function)(str(tmp_path / "absent"))


@pytest.mark.parametrize("function", ["status", "info"])
def test_an_unknown_answer_is_an_error(module, admin_socket, function):
    with pytest.raises(CommandExecutionError, match="not an answer"):
        getattr(module, function)(admin_socket(b"Permission denied\n"))


def test_faults_of_the_pure_functions_become_saltish(module):
    with pytest.raises(CommandExecutionError, match="port is missing"):
        module.listeners({}, "vip.pem")
    with pytest.raises(CommandExecutionError, match="line break"):
        module.quote("a\nb")


def test_a_haproxy_that_hangs_is_given_up(module, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as hung:
        hung.bind(str(tmp_path / "admin"))
        hung.listen()
        # So that without a time limit the test ends, and fails.
        end = threading.Timer(20, hung.close)
        end.start()
        with pytest.raises(CommandExecutionError, match="timed out"):
            module._ask("show info", str(tmp_path / "admin"), 0.1)
        end.cancel()
