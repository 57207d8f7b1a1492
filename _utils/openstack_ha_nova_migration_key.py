"""
The key by which compute nodes know one another when machines move: an ed25519 key, as OpenSSH
writes it.

It is the host key of each of them and the key of who comes, so that nothing grows with the
cluster, and no node is believed because it came first.
"""

PATH = ("nova", "migration_key")
PATTERN = (
    r"^-----BEGIN OPENSSH PRIVATE KEY-----\n"
    r"[A-Za-z0-9+/=\n]+-----END OPENSSH PRIVATE KEY-----\n*$"
)
REMEDY = (
    "take one that `ssh-keygen -t ed25519 -N '' -f KEY` writes, or leave it out and have "
    "`salt-run openstack_ha.secrets` make one"
)
# How the secret half of pillar.example's begins.
EXAMPLE = b"change-me"
NO_PEM = f"is no private key in OpenSSH's PEM, each line at the same indentation; {REMEDY}"


def made():
    """
    Return a new key.
    """
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return (
        ed25519.Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode()
    )


def public(key):
    """
    Return the public half as OpenSSH writes it into one line, without a comment.

    key
        The private one.

    Raises ValueError when it is no such key; the text does not have it.
    """
    from cryptography.hazmat.primitives import serialization

    half = _loaded(key).public_key()
    return half.public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    ).decode()


def fault(key):
    """
    Return why a text is no key that the nodes can use, with the remedy, or None.

    key
        The text.
    """
    try:
        _loaded(key)
    except ValueError as exc:
        return f"{exc}; {REMEDY}"
    return None


def is_example(key):
    """
    Return whether it is the one of pillar.example, which everybody has.

    key
        The text; of one that is no such key it is not.
    """
    from cryptography.hazmat.primitives import serialization

    raw, plain = serialization.Encoding.Raw, serialization.NoEncryption()
    try:
        secret = _loaded(key).private_bytes(raw, serialization.PrivateFormat.Raw, plain)
    except ValueError:
        return False
    return secret.startswith(EXAMPLE)


def _loaded(key):
    import cryptography.exceptions
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    try:
        found = serialization.load_ssh_private_key(key.encode(), password=None)
    except (TypeError, ValueError, cryptography.exceptions.UnsupportedAlgorithm):
        # The library's own words may quote it.
        raise ValueError("has a passphrase, or is damaged") from None
    if not isinstance(found, ed25519.Ed25519PrivateKey):
        raise ValueError("is a key of another kind than ed25519")
    return found
