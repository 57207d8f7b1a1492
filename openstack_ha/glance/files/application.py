# Written by Salt (openstack_ha.glance); changes made here are lost.
"""
Glance for uWSGI, with bodies of unknown length that are read as every other one.

Glance's own reader hands out whole chunks, which can be more than was asked for; what is beyond the
end of a segment is then lost, and the image is shorter than what was sent, without an error
(glance.common.wsgi._UWSGIChunkFile, glance_store's BufferedReader).
"""

import io

import swift_connection
import uwsgi
from glance.common.wsgi_app import init_app

PIECE = 1 << 16


class Chunks:
    """A body in chunks, as a file."""

    def __init__(self):
        self.chunk, self.is_over = io.BytesIO(), False

    def read(self, size=-1):
        """Return no more than so many bytes, and none at the end only."""
        if size is None or size < 0:
            return b"".join(iter(lambda: self.read(PIECE), b""))
        found = self.chunk.read(size)
        while size and not found and not self.is_over:
            chunk = uwsgi.chunked_read()
            self.chunk, self.is_over = io.BytesIO(chunk), not chunk
            found = self.chunk.read(size)
        return found


swift_connection.install()
glance = init_app()


def application(environ, start_response):
    # By this header Glance knows when to take its own reader.
    if environ.pop("HTTP_TRANSFER_ENCODING", "").lower() == "chunked":
        environ.update({"wsgi.input": Chunks(), "wsgi.input_terminated": True})
    return glance(environ, start_response)
