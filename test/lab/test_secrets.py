"""No secret in a log, an event, a command line or a return, at LAB_LOG_LEVEL=debug too."""

import pytest
from support import leaves

from lab import cluster

LOGS = ["/var/log/salt"]
SAMPLER = (
    "import glob, os, time\n"
    "seen = set()\n"
    "while not os.path.exists('/root/openstack_ha_test.enough'):\n"
    "    for path in glob.glob('/proc/[0-9]*/cmdline'):\n"
    "        try:\n"
    "            seen.add(open(path, 'rb').read())\n"
    "        except OSError:\n"
    "            pass\n"
    "    time.sleep(0.05)\n"
    "open('/root/openstack_ha_test.argv', 'wb').write(b'\\n'.join(seen))\n"
)


@pytest.fixture(scope="module")
def secrets(lab):
    """Of a key in PEM a line that nothing else has: what it begins with others may have too."""
    found = leaves(cluster.load(lab.cluster_file)["secrets"])
    return {max(reversed(secret.splitlines()), key=len) for secret in found}


def _hits(host, command, secrets):
    """Which secrets a command prints; they go in by a file, never by an argument."""
    host.write("/root/openstack_ha_test.secrets", "\n".join(secrets), mode=0o600)
    script = f"{command} | grep -aoFf /root/openstack_ha_test.secrets | sort -u"
    return host.run(["sh", "-c", script]).out.split()


@pytest.fixture(scope="module")
def controller(lab, nodes):
    return lab.node(nodes[0])


def test_the_search_finds_a_secret_that_is_there(lab, controller, secrets):
    cookie = cluster.load(lab.cluster_file)["secrets"]["rabbitmq"]["erlang_cookie"]
    assert _hits(controller, "cat /var/lib/rabbitmq/.erlang.cookie", secrets) == [cookie]


@pytest.mark.parametrize(
    "command",
    [
        "cat /var/log/salt/*",
        "journalctl --no-pager --output=export",
        "cat /var/log/syslog /var/log/haproxy.log /var/log/rabbitmq/* /var/log/mysql/* 2>/dev/null",
        "cat /var/cache/salt/minion/highstate.cache.p /var/cache/salt/minion/sls.p 2>/dev/null",
    ],
)
def test_no_secret_in_a_nodes_logs_and_caches(lab, secrets, command):
    for node in lab.nodes.values():
        assert _hits(node, command, secrets) == [], node.id
        assert _is_at_debug_level(node, "minion"), f"the log of {node.id}'s minion says less"


def test_no_secret_in_the_masters_logs_and_job_returns(lab, secrets):
    for command in (
        "cat /var/log/salt/*",
        "journalctl --no-pager --output=export",
        "find /var/cache/salt/master/jobs -type f -exec cat {} +",
    ):
        assert _hits(lab.master.host, command, secrets) == [], command
    assert _is_at_debug_level(lab.master.host, "master"), "the master's log says less"


def _is_at_debug_level(host, daemon):
    return host.run(["grep", "-q", "\\[DEBUG", f"/var/log/salt/{daemon}"]).rc == 0


def test_no_secret_in_an_event_a_return_or_a_command_line(lab, controller, secrets, mended):
    """A highstate that has everything to do again on one node's accounts and definitions."""
    heard, node = [], controller
    _undo(node)
    enough = "/root/openstack_ha_test.enough"
    node.check(["rm", "--force", enough])
    node.write("/root/openstack_ha_test.py", SAMPLER)
    node.check(["systemd-run", "--unit=openstack-ha-test", "python3", "/root/openstack_ha_test.py"])
    with lab.listen("*", lambda tag, data: heard.append(f"{tag} {data}")):
        returns = lab.highstate(target=node.id)
    node.check(["touch", enough])
    assert any("openstack_ha_galera_accounts" in line for line in heard), "nothing was heard"
    text = "\n".join([*heard, str(returns)])
    assert [secret for secret in secrets if secret in text] == []
    node.run(["sh", "-c", "while systemctl is-active -q openstack-ha-test; do sleep 1; done"])
    assert "salt-minion" in node.read("/root/openstack_ha_test.argv")
    assert _hits(node, "cat /root/openstack_ha_test.argv", secrets) == []
    changed = str(returns)
    assert "account probe" in changed and "stats" not in changed


def _undo(node):
    node.check(
        [
            "mariadb",
            "-e",
            "SELECT CONCAT('DROP USER ', QUOTE(User), '@', QUOTE(Host)) INTO @sql "
            "FROM mysql.global_priv WHERE User = 'probe'; EXECUTE IMMEDIATE @sql",
        ]
    )
    node.check(["rabbitmqctl", "delete_user", "openstack"])
    node.check(["rm", "/etc/haproxy/openstack_ha.cfg"])
