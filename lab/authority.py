"""An authority and its certificate for one name, for labs and tests; its own key is not kept."""

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID = datetime.timedelta(days=365)
# Hosts whose clocks differ.
LEEWAY = datetime.timedelta(days=1)


def issue(fqdn: str, address: str) -> dict[str, str]:
    """Return `ca`, `certificate` and `key` in PEM; the certificate is for a name and an address."""
    authority = ec.generate_private_key(ec.SECP256R1())
    name = _name("openstack_ha lab")
    ca = _unsigned(name, name, authority.public_key()).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    own = ec.generate_private_key(ec.SECP256R1())
    names = [x509.DNSName(fqdn), x509.IPAddress(ipaddress.ip_address(address))]
    certificate = (
        _unsigned(_name(fqdn), name, own.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        # Authorities of several labs have one name: whose key it was tells them apart.
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()),
            critical=False,
        )
    )
    return {
        "ca": _pem(ca.sign(authority, hashes.SHA256())),
        "certificate": _pem(certificate.sign(authority, hashes.SHA256())),
        "key": own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
    }


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _unsigned(subject: x509.Name, issuer: x509.Name, key) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - LEEWAY)
        .not_valid_after(now + VALID)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
