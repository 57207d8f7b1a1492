"""
Whether the VIP speaks HTTP in the clear, and what follows from that.
"""

# A line that pillar.example has in place of certificates and key.
EXAMPLE = "\nchange/me\n"
USUAL = {"https": 443, "http": 80}
REMEDY = (
    "the certificate for vip:fqdn in PEM; or set tls:plain_http: true, and passwords go over the "
    "network as they are"
)


def is_on(view):
    """
    Return whether the HTTP services on the VIP have TLS.

    view
        What ``openstack_ha.view`` returns, or a cluster.
    """
    return not view.get("tls", {}).get("plain_http")


def scheme(view):
    """
    Return how a URL on the VIP begins: ``https`` or ``http``.

    view
        As for ``is_on``.
    """
    return "https" if is_on(view) else "http"


def url(view, port):
    """
    Return the address of an HTTP service on the VIP, without a path.

    view
        As for ``is_on``.

    port
        The service's.
    """
    return f"{scheme(view)}://{view['vip']['fqdn']}:{port}"


def origin(view, name, port):
    """
    Return where pages for browsers are, as they write it: without the port that they take anyway.

    view
        As for ``is_on``.

    name
        By which a browser comes.

    port
        The VIP's.
    """
    of_scheme = scheme(view)
    return f"{of_scheme}://{name}" + ("" if port == USUAL[of_scheme] else f":{port}")


def faults(cluster):
    """
    Return what TLS lacks, a line each.

    cluster
        The cluster file's content.
    """
    section, found = cluster.get("tls", {}), []
    if not is_on(cluster):
        return []
    if "certificate" not in section:
        found.append(f"tls:certificate: is missing: {REMEDY}")
    elif EXAMPLE in section["certificate"]:
        found.append(f"tls:certificate: is the example's, which is none; take {REMEDY}")
    if EXAMPLE in section.get("ca", ""):
        found.append(
            "tls:ca: is the example's, which is none; take that of whoever has signed "
            "tls:certificate, or leave it out where the nodes believe it anyway"
        )
    return found
