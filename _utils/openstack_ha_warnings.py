"""
What a cluster file that is good should be warned of; nothing is refused for it.
"""

import datetime

import openstack_ha_cluster
import openstack_ha_tls

# Days in which a certificate can be ordered, signed and brought by people.
DAYS_FOR_A_CERTIFICATE = 14
READABLE_BY_OTHERS = 0o004
# Renderers by which the file's secrets are not in the clear.
SEALING = ("gpg", "nacl")


def warnings(cluster, file, now):
    """
    Return warnings, a line each.

    cluster
        A complete cluster.

    file
        ``{"path", "mode", "renderers", "left"}``: the file's mode, its first line where that names
        renderers, else an empty text, and ids of nodes in it that have left the cluster.

    now
        Seconds since the epoch.
    """
    return [
        *_of_file(file),
        *_of_controllers(cluster),
        *_of_left(cluster, file),
        *_of_tls(cluster, now),
    ]


def understood(cluster):
    """
    Return what a cluster file says, in short and without secrets: ``{"name", "vip", "network",
    "tls", "nodes": {role: ids}, "devices", "systems"}``.

    cluster
        A complete cluster.
    """
    nodes = {}
    for minion_id, node in cluster["nodes"].items():
        for role in node["roles"]:
            nodes.setdefault(role, []).append(minion_id)
    disks = [len(one.get("storage", {}).get("devices", {})) for one in cluster["nodes"].values()]
    return {
        "name": cluster["name"],
        "vip": {key: cluster["vip"][key] for key in ("address", "fqdn")},
        "network": cluster["network"],
        "tls": openstack_ha_tls.is_on(cluster),
        "nodes": nodes,
        "devices": sum(disks),
        "systems": openstack_ha_cluster.all_systems(cluster),
    }


def _of_file(file):
    is_sealed = any(one in file["renderers"] for one in SEALING)
    if file["mode"] & READABLE_BY_OTHERS and not is_sealed:
        yield (
            f"{file['path']} has the mode {file['mode'] & 0o7777:04o}, so everybody on the master "
            f"reads its secrets: `chmod o= {file['path']}`"
        )


def _of_controllers(cluster):
    members = openstack_ha_cluster.controllers(cluster)
    if len(members) == 1:
        yield (
            f"openstack_ha:nodes: {members[0]['id']} is the only controller, so nothing takes over "
            "when it fails; give the role to three"
        )


def _of_left(cluster, file):
    name = cluster["name"]
    for node in file["left"]:
        yield (
            f"openstack_ha:nodes:{node}: has left {name}, which goes on without it; take it out; "
            f"`salt-run openstack_ha.join {name} {node}` lets it come back"
        )


def _of_tls(cluster, now):
    if not openstack_ha_tls.is_on(cluster):
        yield (
            "openstack_ha:tls:plain_http: passwords and tokens go over the network as they are; "
            "give tls:certificate and secrets:tls:key"
        )
        return
    certificate = _read(cluster["tls"]["certificate"])
    if certificate is None:
        yield (
            "openstack_ha:tls:certificate: cannot be read, so HAProxy will refuse it; bring the "
            f"certificate for {cluster['vip']['fqdn']}"
        )
        return
    yield from _of_its_end(certificate, now)
    names = _names(certificate)
    fqdn, address = cluster["vip"]["fqdn"], cluster["vip"]["address"]
    if not any(_fits(name, fqdn) for name in names):
        yield (
            f"openstack_ha:tls:certificate: is for {', '.join(names) or 'no name'}, and clients "
            f"ask for vip:fqdn {fqdn} ({address}): they will refuse it"
        )
    if _is_of_another_key(certificate, cluster["secrets"]["tls"]["key"]):
        yield (
            "openstack_ha:secrets:tls:key: is not the key of tls:certificate, so HAProxy will "
            "refuse them; bring the two that belong together"
        )


def _of_its_end(certificate, now):
    end = certificate.not_valid_after_utc
    left = end - datetime.datetime.fromtimestamp(now, datetime.timezone.utc)
    if left.days < DAYS_FOR_A_CERTIFICATE:
        when = "ended" if left.total_seconds() < 0 else "ends"
        yield (
            f"openstack_ha:tls:certificate: {when} on {end:%Y-%m-%d}; bring the next one, and "
            "`salt -L <controllers> state.apply openstack_ha.haproxy`"
        )


def _read(text):
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        return None


def _names(certificate):
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return [one.value for one in names]
    return [str(one.value) for one in alternative.value]


def _fits(name, fqdn):
    """Whether a name of a certificate covers another one; a star is one label, the first."""
    if name.startswith("*."):
        return fqdn.partition(".")[2].lower() == name[2:].lower()
    return name.lower() == fqdn.lower()


def _is_of_another_key(certificate, key):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        private = load_pem_private_key(key.encode(), None)
    except (TypeError, ValueError):
        return True
    return private.public_key() != certificate.public_key()
