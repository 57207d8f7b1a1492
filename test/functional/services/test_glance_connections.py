"""Connections to Swift that are lost in all ways in which they can be, by Glance's own client."""

import contextlib
import socket
import ssl
import struct
import subprocess
import threading

import pytest
from support import ROOT, certified

SIZE, CUT_AFTER = 3_000_000, 1_000_000
# What Glance does with an image: it reads an object in pieces.
CLIENT = """
import sys
sys.path.insert(0, sys.argv[1])
import swift_connection, swiftclient
swift_connection.install()
swift = swiftclient.Connection(preauthurl=sys.argv[2], preauthtoken="token", cacert=sys.argv[3])
body = swift.get_object("container", "object", resp_chunk_size=65536)[1]
print(sum(len(piece) for piece in body))
"""


def read_request(peer):
    """Return at which byte of the object somebody wants to begin."""
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(65536)
    ranges = [line for line in head.lower().splitlines() if line.startswith(b"range: bytes=")]
    return int(ranges[0].partition(b"=")[2].rstrip(b"-")) if ranges else 0


def answer(peer, until):
    """Send the object up to a byte, as a proxy of Swift does."""
    start = read_request(peer)
    lines = [f"Content-Length: {SIZE - start}", "Etag: a"]
    lines += [f"Content-Range: bytes {start}-{SIZE - 1}/{SIZE}"] if start else []
    status = "206 Partial Content" if start else "200 OK"
    peer.sendall("\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode())
    peer.sendall(bytes(until - start))


def closed(peer):
    answer(peer, CUT_AFTER)
    peer.close()


def reset(peer):
    answer(peer, CUT_AFTER)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def whole(peer):
    answer(peer, SIZE)
    peer.close()


def never_greeted(peer):
    peer.recv(1 << 16)
    peer.close()


@contextlib.contextmanager
def swift(peers, context=None):
    """A server that treats each connection in its own way, and then answers no more."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            for treat in peers:
                peer, _ = server.accept()
                # Of those who do not believe it.
                with contextlib.suppress(ssl.SSLError):
                    if context and treat is not never_greeted:
                        peer = context.wrap_socket(peer, server_side=True)
                    treat(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        scheme = "https" if context else "http"
        yield f"{scheme}://127.0.0.1:{server.getsockname()[1]}/v1/account"
        thread.join(60)


def read_object(url, ca="/dev/null"):
    argv = ["/usr/bin/python3", "-c", CLIENT, ROOT / "openstack_ha/glance/files", url, ca]
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=120)


@pytest.fixture
def authority(tmp_path):
    """A server's context, and the file of the authority that it is believed by."""
    made = certified({"vip": {"fqdn": "localhost", "address": "127.0.0.1"}, "secrets": {}})
    files = {name: tmp_path / name for name in ("ca", "server")}
    files["ca"].write_text(made["tls"]["ca"])
    files["server"].write_text(made["tls"]["certificate"] + made["secrets"]["tls"]["key"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files["server"])
    return context, files["ca"]


@pytest.mark.parametrize("first", [closed, reset])
def test_a_connection_that_ends_is_gone_on_with(first):
    with swift([first, whole]) as url:
        done = read_object(url)
    assert done.stdout.strip() == str(SIZE), done.stderr


@pytest.mark.parametrize("first", [closed, reset])
def test_so_it_is_behind_tls_and_when_the_next_handshake_is_cut(first, authority):
    """The one that answers next may be on its way out too."""
    context, ca = authority
    with swift([first, never_greeted, whole], context) as url:
        done = read_object(url, ca)
    assert done.stdout.strip() == str(SIZE), done.stderr


def test_a_server_that_is_not_believed_is_not_asked_again(authority):
    context, _ = authority
    with swift([whole], context) as url:
        done = read_object(url, "/etc/ssl/certs/ca-certificates.crt")
    assert done.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.stderr
