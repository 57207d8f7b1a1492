"""The README's road from a bare master to the first highstate, each of its commands carried out."""

import re

import pytest
import readme
import yaml
from support import await_until, certified, example

# Two masters of their own, and all that a person would type.
pytestmark = pytest.mark.long

UPDATE = "Faults of the cluster file, and updates"
REMOTE = "https://example.org/openstack_ha.git"
# Carried out elsewhere: on real hosts, and where there is an index of packages.
ELSEWHERE = "openstack_ha.nova.wheels"


def cluster_text():
    """A cluster file as somebody writes it who has nothing but a certificate yet."""
    cluster = certified(example())
    cluster["vip"]["interface"] = "bond0"
    cluster["secrets"] = {"tls": cluster.pop("secrets")["tls"]}
    return yaml.safe_dump({"openstack_ha": cluster}, sort_keys=False)


def asked(line):
    """What is carried out of a line: of a highstate its target and its options."""
    return re.sub(r"state\.highstate.*", "state.show_top", line)


class Road:
    """Goes through the README's steps; ``told`` has what each command printed, by its line."""

    def __init__(self, host):
        self.host, self.told = host, {}

    def go(self, steps):
        for kind, *rest in steps:
            if kind == "file":
                path, text = rest
                self.host.write(path, text.replace(REMOTE, f"file://{self.host.root}/remote"))
                continue
            for line in rest:
                if ELSEWHERE not in line:
                    self.type(line)

    def type(self, line):
        if line.startswith("salt-key --list"):
            self.host.start_minion("ctl1")
            waiting = self.host.path("/etc/salt/pki/master/minions_pre/ctl1")
            await_until(waiting.exists, 120, "the key of ctl1")
        if line.startswith("salt -C"):
            await_until(self.is_heard, 600, "ctl1")
        code, out, err = self.host.run(asked(line))
        assert code == 0, (line, out, err)
        assert "Traceback" not in out + err, (line, out, err)
        self.told.setdefault(line, []).append(out)
        if line.startswith("install "):
            self.host.write("srv/openstack_ha/cluster.yaml", cluster_text())
            self.host.path("/srv/openstack_ha/cluster.yaml").chmod(0o600)
        if "state.apply" in line or line.startswith("systemctl"):
            await_until(self.host.takes_orders, 120, "the master")

    def is_heard(self):
        return "True" in self.host.run("salt --timeout=60 ctl1 test.ping")[1]


def of_one_way(steps, way):
    """The steps without the file by which the formula comes another way."""
    other = {"file_roots": "gitfs_remotes", "gitfs": "/srv/formulas"}[way]
    return [step for step in steps if not (step[0] == "file" and other in step[2])]


@pytest.mark.parametrize("way", ["file_roots", "gitfs"])
def test_every_command_works_on_a_bare_master_in_the_readmes_order(host, give_formula, way):
    give_formula[way]()
    road = Road(host)
    road.go(of_one_way(readme.steps("Use it"), way))
    (configured,) = [told for line, told in road.told.items() if "openstack_ha.master" in line]
    assert "Failed:    0" in configured[0]
    secrets, keys = road.told["salt-run openstack_ha.check"]
    for text in (secrets, keys):
        assert f"{host.root}/srv/openstack_ha/cluster.yaml: ok\n" in text
    assert "ctl1, ctl2, ctl3, cmp1, cmp2, sto1, sto2, sto3 have never come" in words(secrets)
    assert "Unaccepted Keys:\nctl1" in road.told["salt-key --list=all"][0]
    # Of ctl1 the master knows its interfaces by now.
    await_until(lambda: "vip:interface" in checked(host), 120, "what ctl1 says of itself")
    assert "ctl1 has no bond0, but " in words(checked(host))
    assert "ctl2, ctl3, cmp1, cmp2, sto1, sto2, sto3 have never come" in words(checked(host))
    # Only nodes are asked, and each of them is one.
    ((told, *_),) = [told for line, told in road.told.items() if line.endswith("state.highstate")]
    assert re.search(r"ctl1:\n.*\n?.*base:\n.*- openstack_ha\n", told), told
    assert "restart salt-minion" in (host.root / "systemctl").read_text()
    # An update: the second time nothing is to be done.
    starts = (host.root / "systemctl").read_text().count("salt-master")
    road.go(readme.steps(UPDATE))
    assert re.search(r"^Succeeded: \d+\nFailed:    0$", configured[1], re.MULTILINE), configured[1]
    assert (host.root / "systemctl").read_text().count("salt-master") == starts
    assert "modules.openstack_ha_master" in str(road.told)
    log = host.path("/var/log/salt/master").read_text(encoding="utf-8")
    assert "Traceback" not in log, log
    # The filter for events: the schedule looks each 30 s.
    _, out, _ = host.run("timeout 120 salt-run state.event 'openstack_ha/*' count=1 pretty=True")
    assert out.startswith("openstack_ha/demo/")


def checked(host):
    code, out, err = host.run("salt-run openstack_ha.check")
    assert code == 0, (out, err)
    return out


def words(text):
    """A text without its line breaks and indentation."""
    return " ".join(line.strip() for line in text.splitlines())
