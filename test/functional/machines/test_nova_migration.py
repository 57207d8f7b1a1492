"""The way by which machines move from one compute node to another, from this node to itself."""

import configparser
import copy
import subprocess
from pathlib import Path

import pytest
from controller import NODE, Site

FOLDER = "/var/lib/nova/instances/0b1f6e8c-9a35-4c0e-8d57-2f6f3c1a7e90"
TRIAL = f"{FOLDER}/0b1f6e8c9a354c0e8d572f6f3c1a7e90.tmp"
SERVER, OTHERS = "nova-migration-sshd.socket", "ssh.service"
KEY = "/etc/nova/migration/key"
REFUSAL = "this key is for machines that move, and for nothing else"
# Without the node's own configuration of ssh.
BARE = ("-F", "none", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=/dev/null")
BARE += ("-o", "StrictHostKeyChecking=no", "-o", "IdentitiesOnly=yes")


@pytest.fixture(scope="module")
def site(cluster, tmp_path_factory):
    """This host as a compute node, as far as machines' way to it goes."""
    cluster = copy.deepcopy(cluster)
    cluster["nodes"][NODE]["roles"] = ["controller", "compute"]
    cluster["network"]["provider"] = "nova_network"
    made = Site(tmp_path_factory.mktemp("migration"), cluster)
    made.apply("python", "nova.migration")
    for name in ("packages", "groups", "libvirtd"):
        done = made.loaders.modules.state.sls_id(
            f"openstack_ha_nova_compute_{name}", "openstack_ha.nova.compute"
        )
        assert done.result is True, done.raw
    return made


@pytest.fixture(scope="module")
def peer(site):
    return site.cluster["nodes"][NODE]["address"]


@pytest.fixture(scope="module")
def uri(site):
    """Where this node is come to, as nova-compute has it."""
    config = configparser.RawConfigParser(strict=False)
    config.read("/etc/nova/nova.conf")
    own = config["libvirt"]
    return own["live_migration_uri"] % own["live_migration_inbound_addr"]


def run(*argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False, **more)


def nova(*argv):
    """A command as nova-compute runs it."""
    return run("setpriv", "--reuid=nova", "--regid=nova", "--init-groups", *argv, cwd="/")


def ssh(peer, *words):
    """As Nova begins each of its own (nova/utils.py)."""
    return nova("ssh", "-o", "BatchMode=yes", peer, *words)


def test_a_second_run_changes_nothing(site):
    singles = list(site.sls("openstack_ha.nova.migration"))
    assert singles
    for single in singles:
        assert (single.result, single.changes) == (True, {}), single


def test_no_key_is_in_what_states_return(site):
    returned = [one.full_return for one in site.sls("openstack_ha.nova.migration")]
    key = site.cluster["secrets"]["nova"]["migration_key"]
    assert not [line for line in key.splitlines()[2:-1] if line in repr(returned)]
    assert run("stat", "--format=%U %a", KEY).stdout == "nova 600\n"


def test_it_listens_at_the_nodes_address_alone_and_no_other_server_has_started(peer):
    listening = run("ss", "-Hltn", "sport = :8022 or sport = :22").stdout.splitlines()
    assert [line.split()[3] for line in listening] == [f"{peer}:8022"]
    assert run("systemctl", "is-active", OTHERS).stdout != "active\n"


def test_libvirtd_reaches_another_nodes(uri):
    done = run("virsh", "--connect", uri, "list", "--all")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:3] == ["Id", "Name", "State"]


def test_nova_does_there_what_it_does_for_a_machine_that_does_not_run(peer):
    own, back = "/etc/debian_version", "/var/lib/nova/tmp/migration-test"
    for done in (
        ssh(peer, "mkdir", "-p", FOLDER),
        ssh(peer, "touch", TRIAL),
        ssh(peer, "rm", TRIAL),
        nova("scp", "-r", own, f"{peer}:{FOLDER}/disk"),
        nova("scp", "-r", f"{peer}:{FOLDER}/disk", back),
        nova("cmp", own, back),
        ssh(peer, "rm", "-rf", FOLDER),
    ):
        assert done.returncode == 0, done
    assert run("ls", FOLDER).returncode
    assert nova("rm", back).returncode == 0


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "id",
        f"mkdir -p {FOLDER}; id",
        f"mkdir -p {FOLDER}\nid",
        f"mkdir -p {FOLDER}/$(id)",
        "mkdir -p /var/lib/nova/other",
        "rm -rf /var/lib/nova/instances",
        f"rm -rf {FOLDER}/..",
        f"rm {FOLDER}/disk",
        "virt-ssh-helper qemu:///system",
        "sh -c 'virt-ssh-helper 'qemu:///session''",
        "scp -t /tmp",
    ],
)
def test_nothing_else_is_done_for_whoever_comes(peer, asked):
    done = ssh(peer, *([asked] if asked else []))
    assert done.returncode
    assert REFUSAL in done.stderr
    assert done.stdout == ""


@pytest.fixture
def emulating():
    """Return a function that makes this a node that emulates machines by a QEMU of some version."""
    conf, program = Path("/etc/nova/nova-compute.conf"), Path("/usr/local/bin/qemu-system-x86_64")
    before = conf.read_bytes() if conf.exists() else None

    def made(version):
        conf.write_text("[libvirt]\nvirt_type = qemu\n", encoding="utf-8")
        program.write_text(f"#!/bin/sh\necho 'QEMU emulator version {version}'\n", encoding="utf-8")
        program.chmod(0o755)

    yield made
    program.unlink()
    conf.write_bytes(before) if before is not None else conf.unlink()


@pytest.mark.parametrize("version", ["7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)", "8.2.10", ""])
def test_a_node_whose_qemu_loses_memory_takes_no_machine_that_runs(uri, emulating, version):
    emulating(version)
    done = nova("virsh", "-c", uri, "list", "--all")
    assert done.returncode
    assert "stop the machine, and it moves" in done.stderr


@pytest.mark.parametrize("version", ["9.0.0", "10.0.2 (Debian 1:10.0.2+ds-2+deb13u1~bpo12+1)"])
def test_a_node_whose_qemu_does_not_takes_it(uri, emulating, version):
    emulating(version)
    assert nova("virsh", "-c", uri, "list", "--all").returncode == 0


@pytest.mark.parametrize(
    ("user", "key", "refusal"),
    [
        ("nova", KEY, REFUSAL),
        ("nova", "stranger", "Permission denied (publickey)"),
        ("root", KEY, "Permission denied (publickey)"),
    ],
)
def test_only_nova_and_only_with_the_key_comes_in(peer, tmp_path, user, key, refusal):
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "stranger")
    own = tmp_path / key
    done = run("ssh", *BARE, "-i", own, "-p", "8022", f"{user}@{peer}", "id")
    assert done.returncode
    assert refusal in done.stderr


def test_a_node_with_another_key_is_not_believed(peer, tmp_path):
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "stranger")
    public = (tmp_path / "stranger.pub").read_text(encoding="utf-8")
    known = tmp_path / "known_hosts"
    known.write_text(f"openstack_ha_nova_migration {public}", encoding="utf-8")
    done = run("ssh", "-o", f"UserKnownHostsFile={known}", f"nova@{peer}", "id")
    assert done.returncode
    assert "Host key verification failed" in done.stderr


def test_nobody_goes_on_from_there(peer):
    done = nova("ssh", "-W", "127.0.0.1:22", peer)
    assert done.returncode
    assert "administratively prohibited" in done.stderr


def hear(lines, word):
    """Read what a session says up to a line that begins so."""
    said = []
    for line in lines:
        said.append(line)
        if line.startswith(word):
            return
    pytest.fail(f"the session ended without {word!r}; it said {said}")


def test_who_has_come_stays_while_the_server_is_started_anew(uri):
    with subprocess.Popen(
        ["timeout", "120", "virsh", "--quiet", "--connect", uri],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as session:
        session.stdin.write("uri\n")
        hear(session.stdout, "qemu")
        assert run("systemctl", "restart", SERVER).returncode == 0
        session.stdin.write("hostname\n")
        hear(session.stdout, run("hostname").stdout)
        session.stdin.write("quit\n")
