"""
HAProxy's admin socket, and the data of its configuration.

The socket is read, never written: what HAProxy does is said by its configuration.
"""

import socket

from salt.exceptions import CommandExecutionError

# As people see it; Salt's own makes twenty lines of each server.
__outputter__ = {"status": "openstack_ha_haproxy"}

SOCKET = "/run/haproxy/admin.sock"
TIMEOUT = 5


def status(path=SOCKET, timeout=TIMEOUT):
    """
    Ask the running HAProxy for its frontends, backends and servers.

    path
        The admin socket.

    timeout
        Seconds for the whole answer.

    Returns a list of dicts, see ``parse_stat`` in the utils module of this name: ``kind``
    (frontend, backend, server), ``proxy``, ``name``, ``status``, ``serving``, ``backup``,
    ``address``, ``check``, ``sessions``, ``queue``, ... Raises ``CommandExecutionError`` where
    HAProxy does not answer, so that silence is never taken for an empty list.

    CLI Example:

    .. code-block:: bash

        salt 'controller*' openstack_ha_haproxy.status
    """
    return _parsed("parse_stat", "show stat", path, timeout)


def info(path=SOCKET, timeout=TIMEOUT):
    """
    Ask the running HAProxy about itself: version, uptime, limits, ``Stopping``.

    path
        The admin socket.

    timeout
        Seconds for the whole answer.

    Returns a dict with HAProxy's own names; whole numbers are ``int``. Raises
    ``CommandExecutionError`` where HAProxy does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'controller*' openstack_ha_haproxy.info
    """
    return _parsed("parse_info", "show info", path, timeout)


def certificate_ends(path=SOCKET, timeout=TIMEOUT):
    """
    Ask the running HAProxy until when its certificates are good.

    path
        The admin socket.

    timeout
        Seconds for each answer.

    Returns the end by file, in seconds since the epoch; nothing without TLS. Raises
    ``CommandExecutionError`` where HAProxy does not answer.

    CLI Example:

    .. code-block:: bash

        salt 'controller*' openstack_ha_haproxy.certificate_ends
    """
    files = _parsed("parse_certificates", "show ssl cert", path, timeout)
    return {
        file: _parsed("parse_certificate_end", f"show ssl cert {file}", path, timeout)
        for file in files
    }


def listeners(view, certificate):
    """
    Turn the systems' rows on the VIP and the node's view into the ``listen`` sections of
    haproxy.cfg.

    view
        What ``openstack_ha.view`` returns.

    certificate
        Path of the VIP's certificate with its key.

    Returns a list of ``{"name", "options", "servers"}``. Raises ``CommandExecutionError`` that
    names a row's fault.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_haproxy.listeners '{...}' /etc/haproxy/openstack_ha.pem
    """
    rows = __utils__["openstack_ha_systems.vip_rows"]()
    try:
        return __utils__["openstack_ha_haproxy.listeners"](
            rows, view, certificate, __grains__["num_cpus"]
        )
    except ValueError as error:
        raise CommandExecutionError(str(error)) from error


def bind_options(view, certificate):
    """
    Return the words after the address of a ``bind`` for HTTP: TLS, unless the pillar wants none.

    view
        What ``openstack_ha.view`` returns.

    certificate
        Path of the VIP's certificate with its key.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_haproxy.bind_options '{...}' /etc/haproxy/openstack_ha.pem
    """
    return __utils__["openstack_ha_haproxy.bind_options"](view, certificate)


def certificates(view, certificate):
    """
    Return the files with a certificate that HAProxy reads: one, or none without TLS.

    view
        What ``openstack_ha.view`` returns.

    certificate
        Path of the VIP's certificate with its key.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_haproxy.certificates '{...}' /etc/haproxy/openstack_ha.pem
    """
    return [certificate] if __utils__["openstack_ha_tls.is_on"](view) else []


def quote(value):
    """
    Quote a word for HAProxy's configuration.

    value
        Text without line breaks.

    Returns the quoted word. Raises ``CommandExecutionError`` on a line break, without the text.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_haproxy.quote "it's"
    """
    try:
        return __utils__["openstack_ha_haproxy.quote"](value)
    except ValueError as error:
        raise CommandExecutionError(str(error)) from error


def _parsed(parser, command, path, timeout):
    answer = _ask(command, path, timeout)
    try:
        return __utils__[f"openstack_ha_haproxy.{parser}"](answer)
    except ValueError as error:
        raise CommandExecutionError(f"HAProxy's socket {path}: {error}") from error


def _ask(command, path, timeout):
    """One command, one answer: without a prompt HAProxy closes the connection after it."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            peer.settimeout(timeout)
            peer.connect(path)
            peer.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: peer.recv(65536), b"")).decode()
    except OSError as error:
        raise CommandExecutionError(
            f"HAProxy does not answer {command!r} on {path}: {error}; "
            "see 'systemctl status haproxy' and 'journalctl -u haproxy'"
        ) from error
