"""Swift's configuration files as data, and what must never change in swift.conf."""

import base64
import configparser
import re

import openstack_ha_cluster
import openstack_ha_swift_conf as conf
import openstack_ha_systems
import pytest
from support import example

PREFIX, SUFFIX = "prefix-of-the-cluster", "suffix-of-the-cluster"
SWIFT_CONF = f"""
[swift-hash]
swift_hash_path_prefix = {PREFIX}
swift_hash_path_suffix = {SUFFIX}
[storage-policy:0]
name = gold
[storage-policy:1]
name = silver
"""


def view(swift=None, **node):
    cluster = example()
    cluster["nodes"] = {
        "ctl1": {"address": "172.29.80.11", "roles": ["controller", "proxy"]},
        "ctl2": {"address": "172.29.80.12", "roles": ["proxy"]},
        "sto1": {"address": "172.29.80.31", "roles": ["storage"], "storage": {"devices": {}}},
    }
    cluster["nodes"]["sto1"]["storage"].update(node)
    cluster["swift"].update(swift or {})
    return openstack_ha_cluster.complete(cluster)


def storage(*args, **kwargs):
    cluster = view(*args, **kwargs)
    return {**cluster, "self": {**cluster["nodes"]["sto1"], "id": "sto1"}}


def proxy_files(minion_id="ctl1", swift=None):
    cluster = view(swift)
    cluster["self"] = {**cluster["nodes"][minion_id], "id": minion_id}
    return conf.proxy_files(cluster, openstack_ha_cluster.nodes_with(cluster, "swift.proxy"))


def test_servers_listen_on_the_nodes_address_and_check_their_mounts():
    file = conf.storage_files(storage())["object-server.conf"]
    assert file["DEFAULT"]["bind_ip"] == "172.29.80.31"
    assert file["DEFAULT"]["bind_port"] == "6200"
    assert file["DEFAULT"]["mount_check"] == "true"
    assert "recon" in file["pipeline:main"]["pipeline"]
    module = file["object-replicator"]["rsync_module"]
    assert module == "rsync://{replication_ip}:873/object_{device}"


def test_the_updater_of_containers_takes_one_core_unless_told():
    told = {"container": {"options": {"container-updater": {"concurrency": 3}}}}
    for swift, concurrency in ((None, "1"), (told, "3")):
        file = conf.storage_files(storage(swift))["container-server.conf"]
        assert file["container-updater"] == {"concurrency": concurrency}


def test_directories_are_not_checked_for_mounts():
    file = conf.storage_files(storage({"devices": {"kind": "directories"}}))["object-server.conf"]
    assert file["DEFAULT"]["mount_check"] == "false"


@pytest.mark.parametrize(
    ("swift", "node", "bind"),
    [
        ({}, {"replication_address": "10.9.9.31"}, ("10.9.9.31", "6200")),
        (
            {"rings": {name: {"replication_port": 6300} for name in conf.KINDS}},
            {},
            ("172.29.80.31", "6300"),
        ),
    ],
    ids=["an address", "a port"],
)
def test_replication_of_its_own_has_a_server_of_its_own(swift, node, bind):
    seen = storage(swift, **node)
    files = conf.storage_files(seen)
    own, main = files["object-replication.conf"], files["object-server.conf"]
    assert (own["DEFAULT"]["bind_ip"], own["DEFAULT"]["bind_port"]) == bind
    assert "replication_server" not in own["app:object-server"]
    assert main["app:object-server"]["replication_server"] == "false"
    # Daemons find their devices in the ring by the address of the file that they read.
    assert "object-replicator" in own and "object-replicator" not in main
    assert "container-sharder" in files["container-replication.conf"]
    assert "account-reaper" in files["account-server.conf"]
    programs = conf.programs(seen)
    assert programs["object-replicator"]["config"] == "object-replication.conf"
    assert programs["object-auditor"]["config"] == "object-server.conf"
    assert "object-replication" in conf.programs_of(seen, "storage")


def test_every_program_finds_its_section_in_its_file():
    for seen in (storage(), storage(replication_address="10.9.9.31")):
        files = conf.storage_files(seen)
        for name in conf.programs_of(seen, "storage"):
            facts = conf.programs(seen)[name]
            kind = name.partition("-")[0]
            section = f"app:{kind}-server" if facts["is_server"] else name
            assert section in files[facts["config"]], name
    files = proxy_files()
    for name in conf.programs_of(storage(), "proxy")[1:]:
        assert name in files[f"{name}.conf"]


def test_a_program_runs_on_one_role_or_on_none():
    seen = storage()
    roles = [conf.programs_of(seen, role) for role in ("storage", "proxy", "idle")]
    assert sorted(sum(roles, [])) == sorted(conf.programs(seen))


def test_every_filter_of_a_pipeline_is_defined():
    files = {**conf.storage_files(storage()), **proxy_files()}
    for name, file in files.items():
        for word in file.get("pipeline:main", {}).get("pipeline", "").split():
            assert {f"filter:{word}", f"app:{word}"} & set(file), (name, word)


def test_all_proxies_share_one_memcached_and_part_the_expirers_work():
    one, two = proxy_files("ctl1"), proxy_files("ctl2")
    assert one["memcache.conf"] == two["memcache.conf"]
    servers = one["memcache.conf"]["memcache"]["memcache_servers"]
    assert servers == "172.29.80.11:11211,172.29.80.12:11211"
    shares = [file["object-expirer.conf"]["object-expirer"] for file in (one, two)]
    assert [(share["processes"], share["process"]) for share in shares] == [("2", "0"), ("2", "1")]


def test_each_server_of_a_storage_node_is_where_its_file_says():
    assert conf.servers(storage()) == {
        "account-server.conf": ("172.29.80.31", 6202),
        "container-server.conf": ("172.29.80.31", 6201),
        "object-server.conf": ("172.29.80.31", 6200),
    }
    own = conf.servers(storage(replication_address="10.9.9.31"))
    assert own["object-replication.conf"] == ("10.9.9.31", 6200)
    assert len(own) == 6


def test_a_programs_files_are_files_of_its_role():
    ours, of_proxy = conf.storage_files(storage()), proxy_files()
    known = {"swift.storage": {"swift.conf", *ours}, "swift.proxy": {"swift.conf", *of_proxy}}
    programs = conf.programs(storage())
    for role in ("storage", "proxy"):
        for name in conf.programs_of(storage(), role):
            facts = programs[name]
            assert facts["turn"] == f"swift.{role}"
            assert {facts["config"], "swift.conf"} <= set(facts["reads"]) <= known[facts["turn"]]
    assert "internal-client.conf" in programs["container-sharder"]["reads"]
    assert {programs[name]["turn"] for name in conf.IDLE} == {None}


def test_a_storage_node_settles_for_as_long_as_proxies_keep_away_from_one_that_failed():
    app = proxy_files()["proxy-server.conf"]["app:proxy-server"]
    settles = openstack_ha_systems.turns()["swift.storage"]["settles"]
    assert settles == int(app["error_suppression_interval"])


def test_passwords_are_asked_for_and_never_there():
    users = {"a": {"account": "x", "groups": [".admin", "b"]}, "under_score": {"account": "y"}}
    swift = {"auth": "tempauth", "users": users}
    filters = proxy_files(swift=swift)["proxy-server.conf"]["filter:tempauth"]
    assert filters["user_x_a"] == [{"secret": "swift:users:a"}, " .admin b"]
    assert filters["storage_url_scheme"] == "https"
    (key,) = [key for key in filters if key.startswith("user64_")]
    words = [base64.b64decode(word + "==").decode() for word in key.split("_")[1:]]
    assert words == ["y", "under_score"]


def test_keystone_says_who_a_user_is_unless_the_pillar_names_tempauth():
    file = proxy_files()["proxy-server.conf"]
    assert " authtoken keystoneauth " in file["pipeline:main"]["pipeline"]
    authtoken = file["filter:authtoken"]
    assert authtoken["auth_url"] == "https://cloud.example.org:5000"
    assert authtoken["password"] == [{"secret": "keystone:users:swift"}]
    assert "use" not in authtoken
    assert "filter:tempauth" not in file
    file = proxy_files(swift={"auth": "tempauth"})["proxy-server.conf"]
    assert " tempauth " in file["pipeline:main"]["pipeline"]
    assert "filter:authtoken" not in file


def test_the_pillars_options_win_and_are_seen_where_default_has_them_too():
    options = {"app:proxy-server": {"node_timeout": 20, "workers": 3}, "filter:new": {"on": True}}
    file = proxy_files(swift={"proxy": {"options": options}})["proxy-server.conf"]
    assert file["app:proxy-server"]["node_timeout"] == "20"
    assert file["app:proxy-server"]["set workers"] == "3"
    assert file["filter:new"] == {"on": "true"}
    assert file["app:proxy-server"]["account_autocreate"] == "true"


def test_options_of_replication_go_to_the_file_that_it_reads():
    options = {"object-replicator": {"concurrency": 4}, "object-auditor": {"concurrency": 2}}
    files = conf.storage_files(
        storage({"object": {"options": options}}, replication_address="10.9.9.31")
    )
    assert files["object-replication.conf"]["object-replicator"]["concurrency"] == "4"
    assert "object-replicator" not in files["object-server.conf"]
    assert files["object-server.conf"]["object-auditor"]["concurrency"] == "2"
    assert "object-auditor" not in files["object-replication.conf"]


KERNEL = "Nov 27 01:41:35 sto1 kernel: "


@pytest.fixture
def fault():
    """The pattern as swift-drive-audit reads it, that is with an interpolation of its own."""
    parser = configparser.ConfigParser()
    parser.read_dict(
        {"drive-audit": conf.storage_files(storage())["drive-audit.conf"]["drive-audit"]}
    )
    return re.compile(parser["drive-audit"]["regex_pattern_1"])


@pytest.mark.parametrize(
    ("line", "disk"),
    [
        (
            "I/O error, dev sdb, sector 2048 op 0x1:(WRITE) flags 0x800 phys_seg 1 prio class 0",
            "sdb",
        ),
        ("blk_update_request: critical medium error, dev nvme0n1, sector 5", "nvme0n1"),
        ("Buffer I/O error on dev dm-3, logical block 9, async page read", "dm-3"),
        ('XFS (sdab1): metadata I/O error in "xfs_imap_to_bp" at daddr 0x40 error 5', "sdab1"),
        ("XFS (loop7): log I/O error -5", "loop7"),
        ("XFS (sdb): Metadata I/O Error (0x4) detected at xfs_fs_goingdown+0x6e", "sdb"),
        ("XFS (sdb): Corruption of in-memory data (0x8) detected. Shutting down", "sdb"),
        ("EXT4-fs error (device vdb): ext4_find_entry:1455: reading directory, error -5", "vdb"),
    ],
)
def test_an_error_counts_once_for_its_disk(fault, line, disk):
    assert fault.findall(KERNEL + line) == [disk]


@pytest.mark.parametrize(
    "line",
    [
        KERNEL + "XFS (sdb): Mounting V5 Filesystem",
        KERNEL + "EXT4-fs (sdb): mounted filesystem, errors=remount-ro",
        KERNEL + "sd 2:0:0:0: [sdb] Sense Key : Recovered Error [current]",
        KERNEL + "blk_update_request: I/O error, dev fd0, sector 0",
        "Nov 27 01:41:35 sto1 systemd[1]: an error that has sdb in it",
        "Nov 27 01:41:35 sdb kernel: an error of something else",
    ],
)
def test_what_is_no_disks_error_is_none(fault, line):
    assert fault.findall(line) == []


def test_devices_with_errors_stay_mounted():
    file = conf.storage_files(storage())["drive-audit.conf"]["drive-audit"]
    assert file["unmount_failed_device"] == "false"
    assert file["device_dir"] == "/srv/node"
    options = {"drive-audit": {"minutes": 1440}}
    files = conf.storage_files(storage({"drive_audit": {"options": options}}))
    assert files["drive-audit.conf"]["drive-audit"]["minutes"] == "1440"


def test_swift_conf_names_the_policies_by_their_index():
    policies = {
        "gold": {"index": 0, "is_default": True, "aliases": ["au", "yellow"]},
        "old": {"index": 7, "is_deprecated": True},
    }
    file = conf.shared_files(view({"policies": policies}))["swift.conf"]
    assert file["storage-policy:0"]["aliases"] == "au, yellow"
    assert file["storage-policy:0"]["default"] == "true"
    assert file["storage-policy:7"]["deprecated"] == "true"
    assert file["swift-hash"]["swift_hash_path_prefix"] == [{"secret": "swift:hash_path_prefix"}]


def test_prefix_and_suffix_do_not_run_into_each_other():
    assert conf.fingerprint("ab", "c") != conf.fingerprint("a", "bc")


@pytest.mark.parametrize(
    "text",
    ["", "[swift-hash]\nswift_hash_path_suffix = changeme\nswift_hash_path_prefix = changeme\n"],
    ids=["empty", "the package's own"],
)
def test_a_file_without_a_hash_path_is_nobodys(text):
    assert conf.identity(text) is None


def test_half_a_hash_path_is_somebodys():
    found = conf.identity("[swift-hash]\nswift_hash_path_suffix = only-this\n")
    assert found == {"prefix": "", "suffix": "only-this", "policies": {"0": "Policy-0"}}


def test_a_broken_file_is_not_quoted():
    with pytest.raises(ValueError) as caught:
        conf.identity(f"rubbish {PREFIX}")
    assert PREFIX not in str(caught.value)
