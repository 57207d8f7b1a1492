"""The key by which compute nodes know one another, and the way that machines take."""

import openstack_ha_cluster
import openstack_ha_nova
import openstack_ha_nova_migration as migration
import openstack_ha_nova_migration_key as migration_key
import openstack_ha_secrets
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support import example

GOOD = example()["secrets"]["nova"]["migration_key"]
# By ssh-keygen, with a passphrase that nobody knows any more.
SEALED = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAuXmCkyd
MGFc5hIqBIXwQ7AAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIN460DvAk9Dv2P0y
tgGNvgCC+lq9v7CD8/netETK70HEAAAAkIJzhh3VGbZzstEnwZ4mtQlNr4X8uvvB4PWUHv
Ogdqv0o7E2K5pn4I5ppCFnEJflW0x7wOK8EXy9oIeCkE9sK7uKjOw7n7ja0I0jiBYKutyo
mbUSrO6eNSw4TL00eXLvAVN/zSPxwDSp1vxhtpKgwJLfawr483n3gPu9Ox7QJPHth/6nR+
XC7PGKJ6rpp3h3HQ==
-----END OPENSSH PRIVATE KEY-----
"""


def of_a_curve():
    """A key of another kind, as OpenSSH writes it."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH)
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(*form, serialization.NoEncryption()).decode()


def view(minion_id):
    cluster = openstack_ha_cluster.complete(example())
    seen = openstack_ha_cluster.view(cluster, minion_id)
    own = {"id": minion_id, "interface": "eth0", **seen["nodes"][minion_id]}
    return {**seen, "self": own, "controllers": openstack_ha_cluster.controllers(seen)}


def test_a_key_that_is_made_is_a_good_one_and_nobody_elses():
    one, other = migration_key.made(), migration_key.made()
    assert migration_key.fault(one) is None
    assert migration_key.public(one).startswith("ssh-ed25519 AAAA")
    assert migration_key.public(one) != migration_key.public(other)


BAD = {
    "a passphrase": (SEALED, "has a passphrase, or is damaged"),
    "a line less": (
        "\n".join(GOOD.splitlines()[:-2] + GOOD.splitlines()[-1:]),
        "has a passphrase, or is damaged",
    ),
    "another kind": (of_a_curve(), "is a key of another kind than ed25519"),
}


@pytest.mark.parametrize(("key", "reason"), BAD.values(), ids=BAD)
def test_a_key_that_is_not_good_is_refused_and_not_quoted(key, reason):
    cluster = example()
    cluster["secrets"]["nova"]["migration_key"] = key
    path = "openstack_ha:secrets:nova:migration_key"
    assert openstack_ha_cluster.faults(cluster) == [f"{path}: {reason}; {migration_key.REMEDY}"]
    with pytest.raises(ValueError, match=reason) as raised:
        migration_key.public(key)
    assert not [line for line in key.splitlines()[1:-1] if line in str(raised.value)]


def test_the_key_is_of_compute_nodes_and_made_where_there_are_machines():
    cluster = openstack_ha_cluster.complete(example())
    assert "nova" in openstack_ha_cluster.view(cluster, "cmp1")["secrets"]
    for node in ("ctl1", "sto1"):
        assert "nova" not in openstack_ha_cluster.view(cluster, node)["secrets"]
    del cluster["secrets"]["nova"]
    systems = openstack_ha_cluster.all_systems(cluster)
    made = openstack_ha_secrets.generate(cluster, systems)
    assert migration_key.fault(made["nova"]["migration_key"]) is None
    del cluster["network"]["provider"]
    systems = openstack_ha_cluster.all_systems(cluster)
    assert "nova" not in openstack_ha_secrets.generate(cluster, systems)


def test_machines_go_by_addresses_to_the_server_of_their_own():
    seen = view("cmp1")
    own = seen["self"]["address"]
    seen["nova"]["migration_port"] = 2222
    options = openstack_ha_nova.files(seen, 4)["nova.conf"]["libvirt"]
    uri = options["live_migration_uri"]
    # As Nova fills it.
    assert uri % "192.0.2.7" == "qemu+ssh://nova@192.0.2.7:2222/system?proxy=native"
    assert options["live_migration_inbound_addr"] == own
    assert migration.endpoint(seen) == f"{own}:2222"
    seen["self"]["address"] = "fd00::7"
    assert migration.endpoint(seen) == "[fd00::7]:2222"


def test_controllers_move_nothing():
    assert "libvirt" not in openstack_ha_nova.files(view("ctl1"), 4)["nova.conf"]


def test_what_processor_machines_see_is_the_pillars_to_say():
    options = {
        **view("cmp1")["nova"],
        "options": {"libvirt": {"cpu_mode": "custom", "cpu_model": "x"}},
    }
    chosen = openstack_ha_nova.compute_file(options, has_kvm=True)
    assert chosen["libvirt"] == {"virt_type": "kvm", "cpu_mode": "custom", "images_type": "raw"}
    own = openstack_ha_nova.compute_file({**options, "options": {}}, has_kvm=True)
    assert own["libvirt"]["cpu_mode"] == "host-model"
