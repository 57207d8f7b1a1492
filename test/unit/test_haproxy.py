"""Rows of data into HAProxy's sections, and HAProxy's answers into data."""

import subprocess

import openstack_ha_haproxy as haproxy
import openstack_ha_systems
import pytest

ROWS = openstack_ha_systems.vip_rows()

CERTIFICATE = "/etc/haproxy/vip.pem"
VIEW = {
    "vip": {"address": "192.0.2.100", "fqdn": "cloud.example.org"},
    "tls": {"plain_http": False},
    "nodes": {
        f"ctl{n}.example.org": {
            "hostname": f"ctl{n}",
            "address": f"192.0.2.1{n}",
            "roles": ["controller"] if n == 1 else ["controller", "proxy"],
        }
        for n in (1, 2, 3)
    },
    "swift": {"proxy": {"port": 8080}},
    "keystone": {"port": 5000, "workers": 4, "threads": 8},
    "glance": {"port": 9292, "workers": "auto", "threads": 3},
    "placement": {"port": 8778, "workers": 1, "threads": 1},
    "galera": {"port": 3306},
    "rabbitmq": {"port": 5672, "access": "vip"},
    "health": {"galera_port": 9200, "rabbitmq_port": 9201},
    "haproxy": {
        "timeouts": {"client": 3600, "server": 1800},
        "check": {"interval": 500, "fast_interval": 100, "rise": 2, "fall": 3},
    },
}

STAT = """\
# pxname,svname,qcur,scur,stot,bin,bout,status,bck,lastchg,downtime,type,check_status,addr,
mysql,FRONTEND,,4,90,10,20,OPEN,,,,0,,,
mysql,ctl1,0,4,80,10,20,UP,0,55,3,2,L7OK,192.0.2.11:3306,
mysql,ctl2,1,0,10,0,0,DOWN,1,7,9,2,L4TOUT,192.0.2.12:3306,
mysql,ctl3,0,0,0,0,0,UP 1/2,1,7,9,2,* L4TOUT,192.0.2.13:3306,
mysql,BACKEND,1,4,90,10,20,UP,,55,3,1,,,
mysql,listener,,0,0,0,0,OPEN,,,,3,,,

"""


def only(row, view=None):
    (listener,) = haproxy.listeners([row], view or VIEW, CERTIFICATE, 2)
    return listener


@pytest.fixture
def shipped():
    return {
        listener["name"]: listener for listener in haproxy.listeners(ROWS, VIEW, CERTIFICATE, 2)
    }


def test_mysql_has_one_writer_and_the_others_stand_by(shipped):
    assert shipped["mysql"]["servers"] == [
        "server ctl1 192.0.2.11:3306 on-marked-up shutdown-backup-sessions",
        "server ctl2 192.0.2.12:3306 backup",
        "server ctl3 192.0.2.13:3306 backup",
    ]


def test_swift_is_served_by_the_proxies(shipped):
    assert shipped["swift"]["servers"] == [
        "server ctl2 192.0.2.12:8080",
        "server ctl3 192.0.2.13:8080",
    ]


def test_images_are_served_by_the_controllers_where_swift_is(shipped):
    assert [one.split()[1] for one in shipped["glance"]["servers"]] == ["ctl1", "ctl2", "ctl3"]
    view = {**VIEW, "swift": {"proxy": {"port": 8080}, "auth": "tempauth"}}
    names = [listener["name"] for listener in haproxy.listeners(ROWS, view, CERTIFICATE, 2)]
    assert names == ["mysql", "rabbitmq", "keystone", "placement", "swift"]


def test_a_service_that_no_node_has_is_left_out():
    assert (
        haproxy.listeners(
            [{"name": "x", "port": 1, "system": "swift.storage"}], VIEW, CERTIFICATE, 2
        )
        == []
    )


def test_mysql_is_checked_by_the_health_daemon_and_listens_on_the_vip(shipped):
    options = shipped["mysql"]["options"]
    assert options[0] == "bind 192.0.2.100:3306"
    assert "option httpchk" in options
    assert options[-1] == (
        "default-server check port 9200 inter 500 fastinter 100 rise 2 fall 3 "
        "on-marked-down shutdown-sessions"
    )


def test_long_lived_connections_get_keepalive_and_the_pillars_timeouts(shipped):
    for name in ("mysql", "rabbitmq"):
        options = shipped[name]["options"]
        assert {"option clitcpka", "option srvtcpka"} < set(options)
        assert "timeout client 3600s" in options
        assert "timeout server 1800s" in options


def test_a_request_is_not_cut_with_its_server_and_does_not_wait_long_for_it(shipped):
    *options, servers = shipped["keystone"]["options"]
    assert {"option srvtcpka", "srvtcpka-idle 1s", "srvtcpka-cnt 3"} < set(options)
    assert servers.endswith(" tcp-ut 4s")
    assert "shutdown-sessions" not in servers


@pytest.mark.parametrize(
    ("name", "most"), [("keystone", 31), ("glance", 5), ("placement", 1), ("swift", None)]
)
def test_a_crowd_leaves_each_server_a_thread_for_the_checks(shipped, name, most):
    words = shipped[name]["options"][-1].split()
    assert (int(words[words.index("maxconn") + 1]) if "maxconn" in words else None) == most


def test_a_large_body_may_wait_for_its_server_and_ends_with_it(shipped):
    for name in ("swift", "glance"):
        *options, servers = shipped[name]["options"]
        assert "option srvtcpka" not in options
        assert servers.endswith(" on-marked-down shutdown-sessions")


def test_only_what_reads_is_asked_again_of_another_server(shipped):
    for name in ("swift", "glance"):
        assert "http-request disable-l7-retry unless METH_GET" in shipped[name]["options"]
    tokens = "http-request disable-l7-retry unless METH_GET or { path /v3/auth/tokens }"
    assert {tokens, "option http-buffer-request"} < set(shipped["keystone"]["options"])
    for name in ("mysql", "rabbitmq"):
        assert not any("retry" in option for option in shipped[name]["options"])


def test_rabbitmq_is_balanced_over_all_brokers(shipped):
    assert "balance leastconn" in shipped["rabbitmq"]["options"]
    assert not any("backup" in server for server in shipped["rabbitmq"]["servers"])


def test_rabbitmq_with_direct_access_needs_no_front_end():
    view = {**VIEW, "rabbitmq": {"port": 5672, "access": "direct"}}
    assert "rabbitmq" not in [
        listener["name"] for listener in haproxy.listeners(ROWS, view, CERTIFICATE, 2)
    ]


def test_an_api_is_one_row():
    listener = only(
        {
            "name": "horizon",
            "port": 80,
            "mode": "http",
            "balance": "source",
            "check": {"path": "/healthcheck"},
            "cookie": "SERVERID",
            "timeout": 120,
        }
    )
    assert "mode http" in listener["options"]
    assert "http-check send meth GET uri /healthcheck" in listener["options"]
    sticky = "cookie SERVERID insert indirect nocache httponly secure attr SameSite=Lax"
    assert sticky in listener["options"]
    assert "timeout server 120s" in listener["options"]
    assert not any(" port " in option for option in listener["options"])
    assert listener["servers"][1] == "server ctl2 192.0.2.12:80 cookie ctl2"


def test_http_has_tls_and_tells_the_servers_so(shipped):
    for name in ("swift", "keystone"):
        bind, *options = shipped[name]["options"]
        assert bind.endswith(" ssl crt /etc/haproxy/vip.pem alpn http/1.1")
        assert "http-request set-header X-Forwarded-Proto https" in options
    for name in ("mysql", "rabbitmq"):
        assert "ssl" not in repr(shipped[name])


def test_http_in_the_clear_only_when_told():
    view = {**VIEW, "tls": {"plain_http": True}}
    options = only({"name": "horizon", "port": 80, "mode": "http"}, view)["options"]
    assert options[0] == "bind 192.0.2.100:80"
    assert "http-request set-header X-Forwarded-Proto http" in options
    assert haproxy.bind_options(view, CERTIFICATE) == ""


def test_a_row_without_a_check_is_connected_to():
    options = only({"name": "memcached", "port": 11211})["options"]
    assert not any("httpchk" in option for option in options)
    assert "default-server check inter 500" in options[-1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"name": "x", "port": 1, "blance": "first"}, "x: unknown key blance"),
        ({"name": "x", "port": 1, "check": {"uri": "/"}}, "x: unknown key uri"),
        ({"name": "x"}, "x: port is missing"),
        ({"port": 1}, "without a name: name is missing"),
        ({"name": "x", "port": 1, "mode": "udp"}, "x: mode 'udp'"),
        ({"name": "x", "port": "swift:port"}, "x: 'swift:port' is not in the node's view"),
    ],
)
def test_a_faulty_row_is_named(row, message):
    with pytest.raises(ValueError, match=message):
        haproxy.listeners([row], VIEW, CERTIFICATE, 2)


def test_stat_is_typed():
    rows = haproxy.parse_stat(STAT)
    assert [row["kind"] for row in rows] == ["frontend", "server", "server", "server", "backend"]
    writer, down, failing = rows[1:4]
    assert (writer["serving"], writer["backup"], writer["sessions"]) == (True, False, 4)
    assert (down["serving"], down["backup"], down["queue"]) == (False, True, 1)
    assert down["check"] == "L4TOUT"
    assert failing["serving"] is True
    assert rows[0]["address"] is None


def test_info_is_typed():
    assert haproxy.parse_info("Name: HAProxy\nPid: 12\nRelease_date: 2024/01/01\n\n") == {
        "Name": "HAProxy",
        "Pid": 12,
        "Release_date": "2024/01/01",
    }


@pytest.mark.parametrize("parse", [haproxy.parse_stat, haproxy.parse_info])
@pytest.mark.parametrize("text", ["", "Permission denied\n"])
def test_another_answer_is_no_empty_answer(parse, text):
    with pytest.raises(ValueError, match="not an answer"):
        parse(text)


@pytest.mark.parametrize("word", ["plain", "it's", '"$HOME" # \\', "''", ""])
def test_quoting_is_undone_by_strong_quotes_as_a_shell_knows_them(word):
    # HAProxy's strong quotes are the shell's: configuration manual, 2.2.
    printed = subprocess.run(
        ["sh", "-c", f"printf %s {haproxy.quote(word)}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=10,
    )
    assert printed.stdout == word


@pytest.mark.parametrize("bad", ["\n", "\r", "\0"])
def test_a_line_break_is_refused_without_showing_the_word(bad):
    with pytest.raises(ValueError) as error:
        haproxy.quote(f"secret{bad}word")
    assert "secret" not in str(error.value)


def test_the_end_of_a_certificate_is_what_haproxy_tells():
    files = "# filename\n/etc/haproxy/openstack_ha.pem\n\n"
    assert haproxy.parse_certificates(files) == ["/etc/haproxy/openstack_ha.pem"]
    told = (
        "Filename: /etc/haproxy/openstack_ha.pem\nStatus: Used\n"
        "notBefore: Sep 13 21:20:24 2019 GMT\nnotAfter: Dec 12 21:20:24 2019 GMT\n"
    )
    assert haproxy.parse_certificate_end(told) == 1576185624
    with pytest.raises(ValueError, match="Permission denied"):
        haproxy.parse_certificate_end("Permission denied\n")
