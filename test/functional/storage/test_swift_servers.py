"""Swift's servers on one host with disks of its own, from blank disks to an object that is read."""

import copy
import http.client
import json
import os
import pathlib
import shutil
import time

import pytest
from disks import Disk, run
from saltfactories.utils.functional import Loaders
from support import (
    await_until,
    cluster_on,
    formula_root,
    minion_options,
    not_applied,
    pillar_root,
    write_cluster,
)

NODE = "sto1"
NAMES = ("sdb", "sdc", "sdd", "spare")
ROOT = pathlib.Path("/srv/node")
BUILT = pathlib.Path("/var/lib/openstack_ha/swift")
SWIFT_CONF = pathlib.Path("/etc/swift/swift.conf")
MEMORY = pathlib.Path("/var/lib/openstack_ha/guards.json")


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    # Not below /tmp, which is in memory.
    folder = pathlib.Path("/var/lib/test-disks")
    folder.mkdir(exist_ok=True)
    made = {name: Disk(name, folder, ROOT / name) for name in NAMES}
    yield made
    run("systemctl", "stop", "swift-*", "rsync", check=False)
    for disk in made.values():
        disk.detach()


class Node:
    """A storage node that is a proxy as well; its pillar can be edited between two calls."""

    def __init__(self, root, cluster):
        self.cluster, self.known = cluster, copy.deepcopy(cluster)
        self.pillar = pillar_root(root / "pillar", cluster)
        formula = formula_root(root / "formula")
        self.made = Loaders(minion_options(root, NODE, formula, self.pillar))

    @property
    def devices(self):
        return self.cluster["nodes"][NODE]["storage"]["devices"]

    def loaders(self):
        """Salt's, with the pillar as it is now."""
        if self.known != self.cluster:
            self.known = copy.deepcopy(self.cluster)
            write_cluster(self.pillar / "openstack_ha.sls", self.cluster)
            self.made.reload_all()
        else:
            # What one run has learned another one learns anew.
            self.made.reset_state()
        return self.made

    def apply(self, *names, test=False):
        modules, found = self.loaders().modules, []
        for name in names:
            result = modules.state.sls(name, test=test)
            assert list(result), result.raw
            found.extend(result)
        return found

    def mounted(self, name, test=False):
        return self.loaders().states.openstack_ha_swift_device.mounted(name, test=test)

    def unchanged(self, test=False):
        return self.loaders().states.openstack_ha_guard.unchanged("swift", test=test)

    def remembered(self, test=False):
        return self.loaders().states.openstack_ha_guard.remembered("swift", test=test)


@pytest.fixture(scope="module")
def node(address, disks, without_swift, tmp_path_factory):
    cluster = cluster_on(address, NODE)
    cluster["name"] = "functional-swift"
    cluster["nodes"] = {
        "ctl1": {"address": str(address.network[-6]), "roles": ["controller"]},
        NODE: {
            "address": str(address.ip),
            "roles": ["storage", "proxy"],
            "storage": {"zone": 1, "devices": {"sdb": {}, "sdc": {}, "sdd": {}}},
        },
    }
    ring = {"part_power": 6, "allow_fewer_zones": True, "max_dispersion": 100, "overload": 1}
    cluster["swift"].update(
        {name: {"workers": 1} for name in ("proxy", "account", "container", "object")},
        auth="tempauth",
        users={"tester": {"account": "test", "groups": [".admin"]}},
        keep_copies=False,
        patience=300,
        rings={name: dict(ring) for name in ("account", "container", "object")},
    )
    cluster["secrets"]["swift"]["users"] = {"tester": "password-of-tester"}
    without_swift()
    return Node(tmp_path_factory.mktemp("swift"), cluster)


@pytest.fixture(scope="module")
def mounted(node):
    """The packages, and all devices mounted."""
    assert not_applied(node.apply("openstack_ha.swift.storage.devices")) == []
    return node


@pytest.fixture(scope="module")
def serving(mounted):
    """Servers and proxy over rings that are there."""
    systems = ("openstack_ha.memcached", "openstack_ha.swift.rings", "openstack_ha.swift.config")
    assert not_applied(mounted.apply(*systems)) == []
    for ring in BUILT.glob("*.ring.gz"):
        shutil.copy2(ring, SWIFT_CONF.parent)
        shutil.chown(SWIFT_CONF.parent / ring.name, group="swift")
    roles = ("openstack_ha.swift.storage", "openstack_ha.swift.proxy")
    assert not_applied(mounted.apply(*roles)) == []
    return mounted


class Client:
    """Tempauth's user at the proxy."""

    def __init__(self, host):
        self.host = host
        headers = {"X-Storage-User": "test:tester", "X-Storage-Pass": "password-of-tester"}
        self.token = self.ask("GET", "/auth/v1.0", headers=headers)[1]["X-Auth-Token"]

    def ask(self, method, path, body=None, headers=None, port=8080):
        connection = http.client.HTTPConnection(self.host, port, timeout=60)
        connection.request(method, path, body, headers or {"X-Auth-Token": self.token})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def stores_and_finds(self, name):
        content, box = os.urandom(100_000), "/v1/AUTH_test/box"
        self._put(box)
        self._put(f"{box}/{name}", content)
        return self.ask("GET", f"{box}/{name}")[2] == content

    def _put(self, path, content=None):
        """Make something; a device that failed a moment ago is asked again after ten seconds."""
        seen = []

        def is_there():
            seen.append(self.ask("PUT", path, content))
            return seen[-1][0] in (201, 202)

        await_until(is_there, 120, f"{path} to be taken", lambda: seen[-1])


@pytest.fixture
def client(serving, address):
    return Client(str(address.ip))


def test_blank_disks_are_shown_formatted_and_mounted(node, disks):
    shown = list(node.apply("openstack_ha.swift.storage.devices", test=True))
    assert disks["sdb"].signatures() == ""
    done = {one.id: one.changes for one in node.apply("openstack_ha.swift.storage.devices")}
    devices = {one.id: one.changes for one in shown if "device_sd" in one.id}
    assert len(devices) == 3
    assert devices == {id_: done[id_] for id_ in devices}
    for name in ("sdb", "sdc", "sdd"):
        assert (ROOT / name).is_mount() and (ROOT / name).owner() == "swift"
        assert "xfs" in disks[name].signatures()
        assert node.mounted(name).changes == {}


def test_no_server_starts_from_the_packages_own_files(mounted):
    """Even where rings are there already; it comes before what configures them."""
    units = run("systemctl", "list-units", "swift*", "--state=active", "--plain", "--no-legend")
    assert units.stdout == ""
    for ring in ("account", "container", "object"):
        (SWIFT_CONF.parent / f"{ring}.ring.gz").write_text("not a ring")
    run("systemctl", "start", "swift-account", "swift-object", check=False)
    try:
        states = run("systemctl", "is-active", "swift-account", "swift-object", check=False).stdout
        assert states.split() == ["inactive", "inactive"]
    finally:
        for ring in ("account", "container", "object"):
            (SWIFT_CONF.parent / f"{ring}.ring.gz").unlink()


FOREIGN = {
    "another file system": ("mkfs.ext4", "-q", "-L", "theirs"),
    "a device of another node": ("mkfs.xfs", "-q", "-L", "spare"),
    "swap space": ("mkswap",),
}


@pytest.fixture
def spare(mounted, disks):
    mounted.devices["spare"] = {}
    disks["spare"].blank()
    yield disks["spare"]
    del mounted.devices["spare"]
    run("systemctl", "disable", "--now", "openstack-ha-swift-device@spare", check=False)
    run("umount", ROOT / "spare", check=False)


@pytest.mark.parametrize("command", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("test", [True, False])
def test_what_is_not_this_nodes_is_refused_and_kept(mounted, spare, command, test):
    run(*command, spare.path)
    before = spare.signatures()
    found = mounted.mounted("spare", test=test)
    assert found.result is False and found.changes == {}
    assert "/dev/spare" in found.comment
    assert spare.signatures() == before != ""
    assert not (ROOT / "spare").is_mount()


def test_data_without_a_signature_is_not_blank(mounted, spare):
    with spare.path.open("r+b") as disk:
        disk.seek(512)
        disk.write(b"a table of a database")
    assert "unknown kind" in mounted.mounted("spare").comment
    assert spare.signatures() == ""


def test_a_disk_that_somebody_holds_is_refused(mounted, spare):
    held = os.open(spare.path, os.O_RDONLY | os.O_EXCL)
    try:
        assert "uses it" in mounted.mounted("spare").comment
    finally:
        os.close(held)
    assert mounted.mounted("spare").result is True


def test_a_path_without_a_disk_is_named_and_stops_nobody(serving):
    serving.devices["absent"] = {"path": "/dev/nowhere"}
    try:
        left = not_applied(serving.apply("openstack_ha.swift.storage"))
    finally:
        del serving.devices["absent"]
        serving.apply("openstack_ha.swift.storage")
    assert [one.name for one in left] == ["absent"]
    assert "there is no /dev/nowhere" in left[0].comment


def test_an_object_is_stored_and_found(client):
    assert client.stores_and_finds("first")


def test_a_second_run_changes_nothing_in_either_mode(serving):
    names = ("openstack_ha.memcached", "openstack_ha.swift.storage", "openstack_ha.swift.proxy")
    for test in (False, True):
        found = serving.apply(*names, test=test)
        assert [(one.name, one.changes) for one in found if one.changes] == []
        assert not_applied(found) == []


def test_servers_listen_on_the_nodes_address_only(serving, address):
    own = ("swift", "rsync", "memcached")
    lines = run("ss", "-Hltnp").stdout.splitlines()
    listening = {line.split()[3] for line in lines if any(name in line for name in own)}
    ports = (873, 6200, 6201, 6202, 8080, 11211)
    assert listening == {f"{address.ip}:{port}" for port in ports}


def test_a_missing_mount_is_told_not_filled_and_mended(serving, client, address):
    run("umount", "--lazy", ROOT / "sdc")
    _, _, answer = client.ask("GET", "/recon/unmounted", port=6200)
    assert "sdc" in [one["device"] for one in json.loads(answer)]
    assert client.stores_and_finds("without sdc".replace(" ", "-"))
    module = f"rsync://{address.ip}/object_sdc/sdc/"
    assert run("rsync", "/etc/hostname", module, check=False).returncode != 0
    assert list((ROOT / "sdc").iterdir()) == []
    shown = serving.mounted("sdc", test=True)
    done = serving.mounted("sdc")
    assert shown.result is None and done.result is True, done.comment
    assert shown.changes == done.changes
    assert (ROOT / "sdc").is_mount()


def test_a_device_is_as_full_as_its_file_system_says(serving):
    node_status = serving.loaders().modules.openstack_ha_swift.node_status
    before, ballast = node_status(), ROOT / "sdc" / "ballast"
    percent = run("df", "--output=pcent", ROOT / "sdc").stdout.split()[-1]
    try:
        run("fallocate", "--length", "100M", ballast)
        after = node_status()
    finally:
        ballast.unlink()
    assert before["unmounted"] == []
    assert before["nearly_full"] == 85
    assert abs(before["used"]["sdc"] - int(percent.rstrip("%"))) <= 1
    assert after["used"]["sdc"] > before["used"]["sdc"] + 10
    assert after["used"]["sdd"] == before["used"]["sdd"]


def test_errors_in_the_kernels_log_are_counted_by_device(serving, disks):
    """By the packaged program with the rights of its unit, over the log as the journal has it."""
    log = pathlib.Path("/run/openstack-ha-swift-drive-audit/kern.log")
    log.parent.mkdir(exist_ok=True)
    stamp = time.strftime("%b %d %H:%M:%S")
    kernel_name = disks["sdc"].loop.name
    log.write_text(
        f"{stamp} sto1 kernel: I/O error, dev {kernel_name}, sector 8 op 0x1:(WRITE)\n" * 3
    )
    pathlib.Path("/dev/block").mkdir(exist_ok=True)
    audit = ("swift-drive-audit", "/etc/swift/drive-audit.conf")
    try:
        run("runuser", "--user=swift", "--", *audit)
        found = serving.loaders().modules.openstack_ha_swift.node_status()
        assert found["errors"] == {"sdc": 3} and found["audited"] < 60
        assert (ROOT / "sdc").is_mount()
        log.write_text("")
        run("runuser", "--user=swift", "--", *audit)
        assert serving.loaders().modules.openstack_ha_swift.node_status()["errors"] == {}
    finally:
        shutil.rmtree(log.parent)


def test_the_packages_own_plan_unmounts_nothing(serving):
    lines = pathlib.Path("/etc/cron.d/swift-drive-audit").read_text().splitlines()
    assert [line for line in lines if not line.startswith("#")] == []
    assert (
        run("systemctl", "is-active", "openstack-ha-swift-drive-audit.timer").stdout == "active\n"
    )


def test_a_failed_device_is_let_go_and_comes_back(serving, client):
    serving.devices["sdd"]["failed"] = True
    assert serving.mounted("sdd", test=True).changes["mount"]["new"] is None
    assert (ROOT / "sdd").is_mount()
    assert serving.mounted("sdd").result is True
    assert not (ROOT / "sdd").is_mount()
    assert serving.mounted("sdd").changes == {}
    assert client.stores_and_finds("without-sdd")
    serving.devices["sdd"]["failed"] = False
    assert serving.mounted("sdd").result is True
    assert (ROOT / "sdd").is_mount()


def process(unit):
    return run("systemctl", "show", "--property=MainPID", unit).stdout


def since(unit):
    """When a unit was started or reloaded last."""
    return run("systemctl", "show", "--property=StateChangeTimestampMonotonic", unit).stdout


def test_a_changed_option_is_taken_by_the_same_process(serving, client):
    before = process("swift-proxy")
    serving.cluster["swift"]["proxy"]["options"] = {"DEFAULT": {"client_timeout": 55}}
    assert not_applied(serving.apply("openstack_ha.swift.proxy")) == []
    assert process("swift-proxy") == before
    assert client.stores_and_finds("after-reload")


RENEWED = "openstack_ha_swift.storage_renewed"


def test_what_a_run_has_left_is_the_storages_next_turn_and_costs_no_server(serving, client):
    """Of several programs those that read what has changed: servers by a reload."""
    units = ("swift-object", "swift-object-updater", "swift-account", "swift-account-auditor")
    before = {unit: (process(unit), since(unit)) for unit in units}
    serving.cluster["swift"]["object"]["options"] = {"DEFAULT": {"client_timeout": 55}}
    assert not_applied(serving.apply("openstack_ha.swift.storage.config")) == []
    assert {unit: (process(unit), since(unit)) for unit in units} == before
    shown = {one.id: one for one in serving.apply("openstack_ha.swift.storage", test=True)}
    assert shown[RENEWED].result is None
    assert {unit: (process(unit), since(unit)) for unit in units} == before
    done = {one.id: one for one in serving.apply("openstack_ha.swift.storage")}
    assert done[RENEWED].changes == shown[RENEWED].changes != {}
    after = {unit: (process(unit), since(unit)) for unit in units}
    assert [unit for unit in units if after[unit] != before[unit]] == list(units[:2])
    assert after["swift-object"][0] == before["swift-object"][0]
    assert after["swift-object-updater"][0] != before["swift-object-updater"][0]
    assert serving.loaders().modules.openstack_ha_turn.is_outdated("swift.storage") is False
    assert client.stores_and_finds("after-the-storages-reload")


def test_another_version_of_a_package_starts_the_storages_programs_anew(serving, client):
    units = ("swift-object", "swift-container-sharder", "swift-account")
    before, proxy = {unit: process(unit) for unit in units}, process("swift-proxy")
    sums = pathlib.Path("/var/lib/dpkg/info/swift-object.md5sums")
    known = sums.read_text()
    try:
        sums.write_text(f"{known}{'0' * 32}  of/another/version\n")
        assert not_applied(serving.apply("openstack_ha.swift.storage")) == []
        assert [unit for unit in units if process(unit) == before[unit]] == []
        assert process("swift-proxy") == proxy
    finally:
        sums.write_text(known)
    turn = serving.loaders().modules.openstack_ha_turn
    assert turn.renew("swift.storage") == {"is_outdated": False}
    # A unit that systemd calls active need not listen again yet.
    said = await_until(
        lambda: (now := turn.evidence()["swift.storage"])["serves"] and now,
        120,
        "the storage servers' health",
        lambda: turn.evidence()["swift.storage"],
    )
    assert (said["is_configured"], said["is_running"], said["is_outdated"]) == (True, True, False)
    assert client.stores_and_finds("after-another-package")


def test_a_server_that_is_off_is_no_health(serving):
    turn = serving.loaders().modules.openstack_ha_turn
    run("systemctl", "stop", "swift-container")
    try:
        said = turn.evidence()["swift.storage"]
        assert (said["is_running"], said["serves"]) == (False, False)
    finally:
        run("systemctl", "start", "swift-container")
    assert turn.evidence()["swift.storage"]["is_running"] is True


def test_a_changed_swift_conf_is_the_proxys_next_turn_whichever_role_brought_it(serving, client):
    policy = {"index": 0, "is_default": True, "aliases": ["gold"]}
    serving.cluster["swift"]["policies"] = {"Policy-0": policy}
    try:
        assert not_applied(serving.apply("openstack_ha.swift.storage")) == []
        turn = serving.loaders().modules.openstack_ha_turn
        assert turn.is_outdated("swift.proxy") is True
        assert turn.renew("swift.proxy") == {"is_outdated": False}
        await_until(
            lambda: b"gold" in client.ask("GET", "/info")[2],
            120,
            "the policy's alias",
            lambda: client.ask("GET", "/info")[2],
        )
    finally:
        del serving.cluster["swift"]["policies"]
        serving.apply("openstack_ha.swift.storage", "openstack_ha.swift.proxy")


def test_an_option_that_swift_does_not_take_is_not_written(serving, client):
    options = serving.cluster["swift"]["proxy"].get("options", {})
    serving.cluster["swift"]["proxy"]["options"] = {"app:proxy-server": {"node_timeout": "twelve"}}
    try:
        assert not_applied(serving.apply("openstack_ha.swift.proxy"))
    finally:
        serving.cluster["swift"]["proxy"]["options"] = options
    assert "twelve" not in (SWIFT_CONF.parent / "proxy-server.conf").read_text()
    assert client.stores_and_finds("after-a-bad-option")


def test_secrets_are_nobody_elses_to_read(serving):
    for name in ("swift.conf", "proxy-server.conf"):
        path = SWIFT_CONF.parent / name
        assert (path.owner(), path.group(), path.stat().st_mode & 0o777) == ("root", "swift", 0o640)


@pytest.mark.parametrize("lost", [None, SWIFT_CONF, MEMORY], ids=["both", "memory", "file"])
def test_another_hash_path_changes_nothing(serving, lost, tmp_path):
    before = SWIFT_CONF.read_bytes()
    secrets = serving.cluster["secrets"]["swift"]
    right, secrets["hash_path_suffix"] = secrets["hash_path_suffix"], "another-hash-path-suffix"
    if lost:
        shutil.move(lost, tmp_path / "lost")
    try:
        found = serving.unchanged()
        assert found.result is False and "hash_path_suffix" in found.comment
        assert right not in str(found.raw) and "another-hash-path" not in str(found.raw)
        assert serving.unchanged(test=True).result is False
        (refused,) = serving.apply("openstack_ha.swift.proxy.config")
        assert (refused.id, refused.result) == ("openstack_ha_guard", False)
        assert lost == SWIFT_CONF or SWIFT_CONF.read_bytes() == before
    finally:
        secrets["hash_path_suffix"] = right
        if lost:
            shutil.move(tmp_path / "lost", lost)


def test_a_lost_memory_is_shown_and_made_again(serving):
    MEMORY.unlink()
    shown, done = serving.remembered(test=True), serving.remembered()
    assert shown.result is None and shown.changes != {}
    assert done.changes == shown.changes
    assert serving.remembered().changes == {}


def test_a_policy_that_is_dropped_or_renumbered_is_refused(serving):
    swift = serving.cluster["swift"]
    before, rings = MEMORY.read_bytes(), dict(swift["rings"])
    first, gold = {"index": 0, "is_default": True}, rings["object"]
    try:
        swift["policies"] = {"Policy-0": first, "gold": {"index": 1}}
        swift["rings"] = {**rings, "object-1": gold}
        assert serving.unchanged().result and serving.remembered().changes
        swift["policies"] = {"Policy-0": first, "gold": {"index": 2}, "new": {"index": 1}}
        swift["rings"] = {**rings, "object-1": gold, "object-2": gold}
        assert "set it to 1" in serving.unchanged().comment
        swift["policies"] = {"Policy-0": first}
        swift["rings"] = rings
        assert "none has the index 1, that of 'gold'" in serving.unchanged().comment
    finally:
        swift["rings"] = rings
        del swift["policies"]
        MEMORY.write_bytes(before)
