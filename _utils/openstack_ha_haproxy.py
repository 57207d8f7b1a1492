"""
HAProxy without HAProxy: rows of data into ``listen`` sections, and the admin socket's
answers into plain data.

Pure functions; whoever calls them does the talking.
"""

import csv
import math
import ssl

import openstack_ha_cluster
import openstack_ha_options
import openstack_ha_tls

_ROW_KEYS = {
    "name",
    "port",
    "mode",
    "at_once",
    "balance",
    "check",
    "cookie",
    "http_port",
    "is_for_browsers",
    "large_bodies",
    "login",
    "long_lived",
    "only_if",
    "repeatable",
    "server_port",
    "single_writer",
    "system",
    "timeout",
}
_CHECK_KEYS = {"interval", "method", "path", "port", "timeout"}
_LOGIN_KEYS = {"path", "failures"}
_MODES = ("http", "tcp")
_KINDS = {"0": "frontend", "1": "backend", "2": "server"}
_SERVING = {"OPEN", "UP", "no check"}
# Seconds after which a peer that has vanished without a word is given up: asked after IDLE of
# silence and then each INTERVAL, COUNT times.
_IDLE, _INTERVAL, _COUNT = 1, 1, 3
# What a page may not be put into, and where it may take what it shows from.
_POLICY = "frame-ancestors 'none'; base-uri 'self'; object-src 'none'"
_YEAR = 365 * 86400
_TOO_MANY_LOGINS = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Too many failed logins'
    "</title></head><body><h1>Too many failed logins</h1><p>Wait for a minute, then <a "
    'href="{path}">try again</a>. Nothing has been looked at meanwhile.</p></body></html>'
)


def listeners(rows, view, certificate, cores):
    """
    Turn the systems' rows on the VIP into what haproxy.cfg loops over.

    A number in a row may be given as ``system:option``; it is then looked up in the view, so
    that a port is said in one place only.

    rows
        List of mappings. ``name`` and ``port`` are needed, the rest has defaults:
        ``mode`` (tcp), ``at_once`` (the section whose ``workers`` and ``threads`` say how many
        requests each server works at), ``balance`` (roundrobin), ``check`` (``port`` and
        ``path`` of an HTTP check that wants 200; without it the service's port is connected to;
        ``method`` (GET), and ``interval`` in ms, where each check costs the service much, and
        ``timeout`` in s),
        ``cookie`` (name of a sticky session's cookie), ``http_port`` (the VIP's without TLS, which
        leads to the other, and without TLS is the only one), ``is_for_browsers`` (headers by which
        they protect who sees a page), ``large_bodies`` (HTTP whose requests may have bodies that
        a server is slow to read), ``login`` (``path`` to which a password is posted, where 200 is a
        wrong one, and ``failures`` that an address may have in a minute), ``long_lived`` (TCP
        keepalive and the long timeouts), ``repeatable`` (paths of requests that may be asked again
        of another server though they are no GET), ``server_port`` (of the servers, where that is
        not ``port``), ``timeout`` (idle seconds of both sides), ``system`` (whose nodes serve;
        controllers),
        ``single_writer`` (the first of them serves, the others stand by), ``only_if``
        (``system:option`` -> value, all must hold). A row without any node is left out.

    view
        The node's view: ``vip``, ``tls``, ``nodes``, ``haproxy`` and the systems' options.

    certificate
        Path of the VIP's certificate with its key.

    cores
        Of the node, which the others are taken to have, too.

    Returns a list of ``{"name", "options", "servers"}`` in the rows' order; both lists hold
    lines of HAProxy's language. Raises ``ValueError`` that names the row and what is wrong.
    """
    return [
        _listener(row, view, certificate, cores)
        for row in map(_checked, rows)
        if _wanted(row, view)
    ]


def bind_options(view, certificate):
    """
    Return the words after the address of a ``bind`` for HTTP.

    view
        The node's view.

    certificate
        As for ``listeners``.
    """
    # Not HTTP/2: a client's one connection would be all that a worker's reload has to wait for.
    return f"ssl crt {certificate} alpn http/1.1" if openstack_ha_tls.is_on(view) else ""


def parse_info(text):
    """
    Parse the answer to ``show info``.

    text
        ``Name: value`` lines.

    Returns a dict; whole numbers become ``int``. Raises ``ValueError`` where the text is no
    such answer.
    """
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    info = {name.strip(): _number(value.strip()) for name, value in pairs}
    if "Pid" not in info:
        raise ValueError(f"not an answer to 'show info': {text[:80]!r}")
    return info


def parse_stat(text):
    """
    Parse the answer to ``show stat`` (CSV, HAProxy's management guide 9.1).

    text
        The CSV with its ``# pxname,...`` header.

    Returns a list of dicts, one each frontend, backend and server: ``kind``, ``proxy``,
    ``name``, ``status`` (as HAProxy says it), ``serving`` (bool), ``backup`` (bool, servers),
    ``address`` (servers), ``check`` (last check's result), ``sessions``, ``sessions_total``,
    ``queue``, ``bytes_in``, ``bytes_out``, ``since`` (s in this status), ``downtime`` (s).
    Raises ``ValueError`` where the text is no such answer.
    """
    lines = text.strip().splitlines()
    if not lines or not lines[0].startswith("# pxname,"):
        raise ValueError(f"not an answer to 'show stat': {text[:80]!r}")
    rows = csv.DictReader([lines[0][2:], *lines[1:]])
    return [_stat(row) for row in rows if row["type"] in _KINDS]


def quote(value):
    """
    Quote a word for HAProxy's configuration, whatever characters it has.

    value
        Text without line breaks.

    Returns the word in strong quotes, in which only the quote itself is special
    (configuration manual 2.2). Raises ``ValueError`` on a line break or a NUL, without
    saying the text, which is a password more often than not.
    """
    if any(char in value for char in "\r\n\0"):
        raise ValueError("a word of haproxy.cfg holds a line break or a NUL")
    return "'" + value.replace("'", "'\\''") + "'"


def _checked(row):
    name = row.get("name", "without a name")
    unknown = (set(row) - _ROW_KEYS) | (set(row.get("check") or {}) - _CHECK_KEYS)
    unknown |= set(row.get("login") or {}) - _LOGIN_KEYS
    if unknown:
        raise ValueError(f"haproxy service {name}: unknown key {', '.join(sorted(unknown))}")
    missing = {"name", "port"} - set(row)
    if missing:
        raise ValueError(f"haproxy service {name}: {', '.join(sorted(missing))} is missing")
    if row.get("mode", "tcp") not in _MODES:
        raise ValueError(f"haproxy service {name}: mode {row['mode']!r} is not one of {_MODES}")
    return row


def _wanted(row, view):
    if not _nodes(row, view):
        return False
    conditions = row.get("only_if") or {}
    return all(_lookup(path, view, row["name"]) == value for path, value in conditions.items())


def _listener(row, view, certificate, cores):
    port = _value(row.get("server_port", row["port"]), view, row["name"])
    is_http = row.get("mode", "tcp") == "http"
    return {
        "name": row["name"],
        "options": [
            *_binds(row, view, certificate if is_http else None),
            *_mode(is_http, view),
            *(_for_browsers(row, view) if row.get("is_for_browsers") else []),
            *(_login(row, view) if "login" in row else []),
            *(_retries(row) if is_http else []),
            *(_vanished() if _is_request(row) else []),
            f"balance {row.get('balance', 'roundrobin')}",
            *_timeouts(row, view),
            *_sticky(row, view),
            *_check(row),
            _default_server(row, view, cores),
        ],
        "servers": [
            _server(row, node, port, first=position == 0)
            for position, node in enumerate(_nodes(row, view))
        ],
    }


def _binds(row, view, certificate):
    """The addresses; a certificate is what HTTP has."""
    address, has_tls = view["vip"]["address"], openstack_ha_tls.is_on(view)
    port = _value(row["port"], view, row["name"])
    words = bind_options(view, certificate) if certificate else ""
    bind = f"bind {address}:{port} {words}".rstrip()
    if "http_port" not in row:
        return [bind]
    plain = f"bind {address}:{_value(row['http_port'], view, row['name'])}"
    if not has_tls:
        return [plain]
    where = openstack_ha_tls.origin(view, view["vip"]["fqdn"], port)
    return [bind, plain, f"http-request redirect prefix {where} code 301 unless {{ ssl_fc }}"]


def _for_browsers(row, view):
    headers = {
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Content-Security-Policy": _POLICY,
    }
    lines = [
        f"http-after-response set-header {name} {quote(value)}" for name, value in headers.items()
    ]
    if openstack_ha_tls.is_on(view):
        # A browser that was here once does not come without TLS any more.
        hsts = f"http-after-response set-header Strict-Transport-Security max-age={_YEAR}"
        lines.append(f"{hsts} if {{ ssl_fc }}")
    # What a client says of itself there is not what a log should have.
    return ["http-request del-header X-Forwarded-For", *lines]


def _login(row, view):
    """An address whose passwords were wrong has to wait; those of a minute are counted."""
    own = row["login"]
    most = _value(own["failures"], view, row["name"])
    # As the server reads it.
    tries = f"METH_POST {{ path,url_dec -m str {own['path']} }}"
    text = quote(_TOO_MANY_LOGINS.format(path=own["path"]))
    return [
        "stick-table type ipv6 size 100k expire 2m store gpc0,gpc0_rate(1m)",
        f"http-request track-sc0 src if {tries}",
        'http-request return status 429 content-type "text/html; charset=utf-8" '
        f"hdr Retry-After 60 hdr Cache-Control no-store string {text} "
        f"if {tries} {{ sc0_gpc0_rate ge {most} }}",
        "http-response sc-inc-gpc0(0) if { status 200 }",
    ]


def _mode(is_http, view):
    if is_http:
        return [
            "mode http",
            "option httplog",
            "option forwardfor",
            f"http-request set-header X-Forwarded-Proto {openstack_ha_tls.scheme(view)}",
        ]
    # One line a connection says nothing about SQL or AMQP; only failures are worth a line.
    return ["mode tcp", "option tcplog", "option dontlog-normal"]


def _retries(row):
    # A server that dies has answered nothing yet, and one whose database died in the middle says
    # 500; what only reads may be asked of another one.
    repeatable = "".join(f" or {{ path {path} }}" for path in row.get("repeatable", ()))
    return [
        # What has a body can be asked again only where all of it is here.
        *(["option http-buffer-request"] if repeatable else []),
        "retry-on conn-failure empty-response 500",
        f"http-request disable-l7-retry unless METH_GET{repeatable}",
    ]


def _is_request(row):
    return row.get("mode", "tcp") == "http" and not row.get("large_bodies")


def _vanished():
    return ["option srvtcpka", *_keepalive("srv", _IDLE, _INTERVAL, _COUNT)]


def _keepalive(side, idle, interval, count):
    return [
        f"{side}tcpka-idle {idle}s",
        f"{side}tcpka-intvl {interval}s",
        f"{side}tcpka-cnt {count}",
    ]


def _timeouts(row, view):
    if row.get("long_lived"):
        timeouts = view["haproxy"]["timeouts"]
        # The kernel's own keepalive starts after two hours. These find a peer that vanished
        # without a word, a client of a VIP that has moved away for one, within 20 s.
        return [
            "option clitcpka",
            "option srvtcpka",
            *_keepalive("cli", 10, 3, 3),
            *_keepalive("srv", 10, 3, 3),
            f"timeout client {timeouts['client']}s",
            f"timeout server {timeouts['server']}s",
        ]
    if "timeout" in row:
        return [f"timeout {side} {row['timeout']}s" for side in ("client", "server")]
    return []


def _sticky(row, view):
    if "cookie" not in row:
        return []
    secure = " secure" if openstack_ha_tls.is_on(view) else ""
    return [f"cookie {row['cookie']} insert indirect nocache httponly{secure} attr SameSite=Lax"]


def _check(row):
    if "check" not in row:
        return []
    own = row["check"]
    return [
        *([f"timeout check {own['timeout']}s"] if "timeout" in own else []),
        "option httpchk",
        f"http-check send meth {own.get('method', 'GET')} uri {own.get('path', '/')}",
        "http-check expect status 200",
    ]


def _default_server(row, view, cores):
    check, own = view["haproxy"]["check"], row.get("check", {})
    words = [
        "default-server",
        "check",
        f"inter {own.get('interval', check['interval'])}",
        f"fastinter {check['fast_interval']}",
        f"rise {check['rise']}",
        f"fall {check['fall']}",
        *_at_once(row, view, cores),
        *_lost_sessions(row),
    ]
    if "port" in own:
        words.insert(2, f"port {_value(own['port'], view, row['name'])}")
    return " ".join(words)


def _at_once(row, view, cores):
    """
    What a server gets at once leaves one of its threads for the checks; the others wait here.

    In its own queue a check waits behind everybody, and a server with a crowd counts as dead, which
    the next one gets then. https://docs.haproxy.org/2.6/configuration.html#5.2-maxconn
    """
    if "at_once" not in row:
        return []
    most = math.prod(openstack_ha_options.size(view[row["at_once"]], cores))
    return [f"maxconn {max(most - 1, 1)}"]


def _lost_sessions(row):
    # What shuts the sessions of a server that is marked down also shuts those that HAProxy 2.6 is
    # still connecting, without an answer, which it would otherwise take to another server. So
    # a vanished server is left to TCP. Not where bodies are large: the time-out for what a peer
    # has not acknowledged is also one for a peer that takes nothing for a while (Linux 5.11,
    # commit 9d9b1ee0b2d1), and a server may do that while it stores what it has.
    if _is_request(row):
        return [f"tcp-ut {_IDLE + _INTERVAL * _COUNT}s"]
    return ["on-marked-down shutdown-sessions"]


def _nodes(row, view):
    if "system" in row:
        return openstack_ha_cluster.nodes_with(view, row["system"])
    return openstack_ha_cluster.controllers(view)


def _server(row, node, port, first):
    words = ["server", node["hostname"], f"{node['address']}:{port}"]
    if "cookie" in row:
        words.append(f"cookie {node['hostname']}")
    if row.get("single_writer"):
        words.append("on-marked-up shutdown-backup-sessions" if first else "backup")
    return " ".join(words)


def _value(value, view, name):
    return _lookup(value, view, name) if isinstance(value, str) else value


def _lookup(path, view, name):
    value = view
    for key in path.split(":"):
        if key not in value:
            raise ValueError(f"haproxy service {name}: {path!r} is not in the node's view")
        value = value[key]
    return value


def _stat(row):
    return {
        "kind": _KINDS[row["type"]],
        "proxy": row["pxname"],
        "name": row["svname"],
        "status": row["status"],
        # "UP 1/3" is a server that failed a check and still serves.
        "serving": row["status"] in _SERVING or row["status"].startswith("UP "),
        "backup": row["type"] == "2" and row["bck"] == "1",
        "address": row.get("addr") or None,
        "check": row.get("check_status") or None,
        "sessions": int(row["scur"] or 0),
        "sessions_total": int(row["stot"] or 0),
        "queue": int(row["qcur"] or 0),
        "bytes_in": int(row["bin"] or 0),
        "bytes_out": int(row["bout"] or 0),
        "since": int(row["lastchg"] or 0),
        "downtime": int(row["downtime"] or 0),
    }


def _number(text):
    return int(text) if text.isdecimal() else text


def parse_certificates(text):
    """
    Return the files in the answer to ``show ssl cert``.

    text
        The answer: a file a line, and comments.
    """
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def parse_certificate_end(text):
    """
    Return until when a certificate is good, in seconds since the epoch.

    text
        The answer to ``show ssl cert FILE``.

    Raises ValueError when the answer does not tell.
    """
    for line in text.splitlines():
        name, _, value = line.partition(": ")
        if name == "notAfter":
            return ssl.cert_time_to_seconds(value)
    raise ValueError(f"there is no end of a certificate in {text[:200]!r}")
