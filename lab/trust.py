"""What a build must know of this machine: its extra CAs, its package index, its proxies.

Registries often sit behind a proxy with a certificate authority of its own. Whatever this machine
trusts beyond Mozilla's list, the images trust too.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

BUNDLE_VARIABLES = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
DEBIAN_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
MOZILLA = Path("/usr/share/ca-certificates/mozilla")
PROXY_VARIABLES = ("http_proxy", "https_proxy", "no_proxy")

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def certificates(text: str) -> list[str]:
    """Return the PEM certificates of a bundle, each once, in their order."""
    return list(dict.fromkeys(found.strip() for found in _CERTIFICATE.findall(text)))


def extra_certificates(bundles: list[str], known: list[str]) -> list[str]:
    """Return the certificates of `bundles` that are in none of the texts in `known`."""
    stock = {certificate for text in known for certificate in certificates(text)}
    return [found for found in certificates("\n".join(bundles)) if found not in stock]


def pip_conf(settings: dict[str, str]) -> str:
    """Return a pip.conf with the system's CA bundle and those `settings` that reach a container.

    An index or a directory on this machine's own disk does not.
    """
    lines = ["[global]", f"cert = {DEBIAN_BUNDLE}", "disable-pip-version-check = true"]
    for key in ("index-url", "extra-index-url", "proxy", "trusted-host", "timeout"):
        words = [word for word in settings.get(key, "").split() if urlsplit(word).scheme != "file"]
        if words:
            lines.append(f"{key} = {' '.join(words)}")
    return "\n".join(lines) + "\n"


# Later ones win.
PIP_SCOPES = ("global", "install", ":env:")


def pip_settings(listing: str) -> dict[str, str]:
    """Parse `pip config list`, in which one setting can stand in several scopes."""
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        scope, _, key = name.rpartition(".")
        if scope in PIP_SCOPES:
            rank = PIP_SCOPES.index(scope)
            text = value.strip().strip("'\"").replace("\\n", " ")
            found[key] = max(found.get(key, (rank, text)), (rank, text), key=lambda one: one[0])
    return {key: text for key, (_, text) in found.items()}


def apt_conf(proxy: str) -> str:
    """Return an apt configuration that goes through `proxy`, or only a comment without one."""
    return f'Acquire::http::Proxy "{proxy}";\n' if proxy else "// No proxy on the build machine.\n"


def proxies() -> dict[str, str]:
    """Return this machine's proxy variables, by their lower-case names."""
    found = {name: os.environ.get(name) or os.environ.get(name.upper()) for name in PROXY_VARIABLES}
    return {name: value for name, value in found.items() if value}


def build_files() -> dict[str, bytes]:
    """Return the `trust/` part of a build's context: path -> content."""
    paths = {DEBIAN_BUNDLE, *(Path(os.environ[v]) for v in BUNDLE_VARIABLES if os.environ.get(v))}
    bundles = [path.read_text(errors="replace") for path in sorted(paths) if path.is_file()]
    known = [path.read_text(errors="replace") for path in sorted(MOZILLA.glob("*.crt"))]
    extra = extra_certificates(bundles, known)
    files = {f"trust/ca/{n:03}.crt": (pem + "\n").encode() for n, pem in enumerate(extra)}
    files["trust/ca/README"] = b"Certificates that the build machine trusts beyond Mozilla's.\n"
    files["trust/pip.conf"] = pip_conf(pip_settings(_output("pip3", "config", "list"))).encode()
    proxy = proxies().get("http_proxy") or _output("apt-config", "dump", "Acquire::http::Proxy")
    files["trust/apt.conf"] = apt_conf(proxy.split('"')[1] if '"' in proxy else proxy).encode()
    return files


def _output(*argv: str) -> str:
    """Return what a command prints, or nothing where the machine has no such command."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
