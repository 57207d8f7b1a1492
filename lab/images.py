"""The lab's images, made from Debian's packages and PyPI, no registry needed.

A tag is the hash of everything that went into the image, so a build happens only when an input
changed. What takes long stands side by side and is built so:

    base -> trusting -> salt -----> host -> client, wheels (a master),
                     |              |       upstream (Swift's own tests), tempest (OpenStack's)
                     |              client -> guest (it has a machine's image)
                     -> packages -> baked (a host too) -> tests (they have what wheels has built)
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import docker
import yaml

from . import trust
from .errors import LabError

REPOSITORY = "openstack-ha"
SUITE = "bookworm"
DEBIAN = "http://deb.debian.org/debian"
MIRROR = os.environ.get("LAB_APT_MIRROR", "")
SALT_VERSION = os.environ.get("LAB_SALT_VERSION", "3008.3")

IMAGE_DIR = Path(__file__).parent / "image"
ROOT = Path(__file__).parent.parent
PARAMETERS = ROOT / "openstack_ha" / "parameters" / "Debian-12.yaml"

BASE_PACKAGES = (
    "apt-utils",
    "ca-certificates",
    "curl",
    "dbus",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "nftables",
    "procps",
    "python3",
    "python3-venv",
    "systemd",
    "systemd-sysv",
    "vim-tiny",
)
CLIENT_PIP_PACKAGES = (
    "openstacksdk",
    "pika",
    "pymysql",
    "python-keystoneclient",
    "python-openstackclient",
    "python-swiftclient",
    "requests",
    "websocket-client",
)
# What the functional tests of Swift import.
UPSTREAM_PACKAGES = (
    "python3-keystoneclient",
    "python3-mock",
    "python3-pytest",
    "python3-swift",
    "python3-swiftclient",
    "python3-testtools",
)
# What looks at the dashboard as people do; pages are no pages without a font.
BROWSER_PACKAGES = (
    "chromium",
    "chromium-driver",
    "fonts-dejavu-core",
    "libnss3-tools",
    "python3-selenium",
)
# A build that loses its power begins anew, and nobody reads a manual in the lab. dpkg keeps these.
DPKG_OPTIONS = (
    "force-unsafe-io",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
)
APT_OPTIONS = ('Acquire::Languages "none"',)
# What the state that builds Nova's wheels runs with; of the parameters it gets its own.
WHEELS_FORMULA = (
    "_modules/openstack_ha_wheels.py",
    "_states/openstack_ha_wheels.py",
    "_utils/openstack_ha_wheels.py",
    "openstack_ha/nova/wheels.sls",
    "openstack_ha/nova/wheels.yaml",
)
WHEELS_PARAMETERS = ("wheels", "nova_wheels")
TEST_PIP_PACKAGES = ("hypothesis", "psutil", "pytest", "pytest-salt-factories")

Say = Callable[[str], None]


def tag_of(name: str, inputs: Iterable[bytes]) -> str:
    """Return `repository/name:hash`, the hash over all inputs and their borders."""
    digest = hashlib.sha256()
    for part in inputs:
        digest.update(len(part).to_bytes(8, "big") + part)
    return f"{REPOSITORY}/{name}:{digest.hexdigest()[:12]}"


def formula_packages(parameters: Mapping) -> tuple[list[str], list[str]]:
    """Return what the formula's parameters install: Debian's packages, and those of Salt's Python.

    The same file names them for the states, so a baked host has what the states would install.
    """
    debian = {
        package
        for system, names in parameters.items()
        if system != "python"
        for package in names.get("packages", [])
    }
    python = parameters["python"]
    return sorted(debian), sorted([*python["packages"], *python["node_packages"]])


def context_files(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Return a build context's files: path -> (content, mode)."""
    return {
        str(path.relative_to(directory)): (path.read_bytes(), path.stat().st_mode & 0o755)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def context_tar(files: Mapping[str, tuple[bytes, int]]) -> io.BytesIO:
    """Pack a build context."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed


def wheels_files(parameters: Mapping) -> dict[str, tuple[bytes, int]]:
    """Return the part of the formula that builds Nova's wheels: path -> (content, mode).

    No more than that, so that no other change of the formula builds them anew.
    """
    own = {key: parameters[key] for key in WHEELS_PARAMETERS}
    files = {path: (ROOT / path).read_bytes() for path in WHEELS_FORMULA}
    files[str(PARAMETERS.relative_to(ROOT))] = yaml.safe_dump(own).encode()
    return {f"formula/{path}": (content, 0o644) for path, content in files.items()}


class Images:
    """Builds what is missing and answers with tags."""

    def __init__(self, client: docker.DockerClient, say: Say):
        self.client = client
        self.say = say

    def all(self) -> str:
        """Build what `make test` needs, side by side where it can be; return the last one's tag."""
        self.trusting()
        with ThreadPoolExecutor() as pool:
            for built in [pool.submit(self.packages), pool.submit(self._of_bare_hosts)]:
                built.result()
        return self.tests()

    def base(self) -> str:
        """Return the tag of a bare Debian with systemd."""
        inputs = [SUITE, MIRROR, *BASE_PACKAGES, *DPKG_OPTIONS, *APT_OPTIONS]
        tag = tag_of("base", map(str.encode, inputs))
        if self._missing(tag):
            self.say(f"{tag}: Debian {SUITE} by mmdebstrap")
            with tempfile.TemporaryDirectory() as directory:
                tarball = Path(directory, "base.tar")
                _mmdebstrap(tarball)
                repository, _, version = tag.partition(":")
                self.client.api.import_image_from_file(str(tarball), repository, version)
        return tag

    def trusting(self) -> str:
        """Return the tag of the base that trusts what this machine trusts."""
        files = {path: (content, 0o644) for path, content in trust.build_files().items()}
        return self._build("trusting", {"BASE": self.base(), "MIRROR": MIRROR or DEBIAN}, files)

    def salt(self) -> str:
        """Return the tag of the image from which hosts get Salt in its virtual environment."""
        return self._build("salt", {"BASE": self.trusting(), "SALT_VERSION": SALT_VERSION})

    def packages(self) -> str:
        """Return the tag of the image that has the formula's packages, and no Salt."""
        packages, _ = formula_packages(_parameters())
        return self._build("packages", {"BASE": self.trusting(), "PACKAGES": " ".join(packages)})

    def host(self) -> str:
        """Return the tag of a bare host with Salt, which is not started."""
        return self._build("host", {"BASE": self.trusting(), "SALT": self.salt()})

    def baked(self) -> str:
        """Return the tag of a host that has the formula's packages on its disk."""
        _, pip_packages = formula_packages(_parameters())
        args = {
            "BASE": self.packages(),
            "SALT": self.salt(),
            "PIP_PACKAGES": " ".join(pip_packages),
        }
        return self._build("baked", args, context="host")

    def client_host(self) -> str:
        """Return the tag of the host from which load and failover runs use the cluster."""
        args = {"HOST": self.host(), "PIP_PACKAGES": " ".join(CLIENT_PIP_PACKAGES)}
        return self._build("client", args)

    def wheels(self) -> str:
        """Return the tag of a master that has built Nova's wheels by the formula's own state."""
        return self._build("wheels", {"HOST": self.host()}, wheels_files(_parameters()))

    def client_with_guest(self) -> str:
        """Return the tag of such a client that has the image of a small machine to boot."""
        return self._build("guest", {"BASE": self.trusting(), "CLIENT": self.client_host()})

    def upstream(self) -> str:
        """Return the tag of a host outside the cluster with the tests of Swift's own source."""
        return self._build(
            "upstream", {"HOST": self.host(), "PACKAGES": " ".join(UPSTREAM_PACKAGES)}
        )

    def browser(self) -> str:
        """Return the tag of a host outside the cluster with a browser that a program drives."""
        return self._build("browser", {"HOST": self.host(), "PACKAGES": " ".join(BROWSER_PACKAGES)})

    def tempest(self) -> str:
        """Return the tag of a host outside the cluster with OpenStack's own tests."""
        return self._build("tempest", {"HOST": self.host()})

    def tests(self) -> str:
        """Return the tag of the host in which test tiers run that change their host."""
        args = {
            "HOST": self.baked(),
            "WHEELS": self.wheels(),
            "PIP_PACKAGES": " ".join(TEST_PIP_PACKAGES),
        }
        return self._build("tests", args)

    def _of_bare_hosts(self) -> None:
        """Build those that need none of the formula's packages."""
        self.client_host()
        self.wheels()

    def _missing(self, tag: str) -> bool:
        return not self.client.images.list(tag)

    def _build(
        self,
        name: str,
        args: Mapping[str, str],
        extra: Mapping[str, tuple[bytes, int]] | None = None,
        context: str = "",
    ) -> str:
        files = {**context_files(IMAGE_DIR / (context or name)), **(extra or {})}
        inputs = [f"{key}={value}".encode() for key, value in sorted(args.items())]
        for path, (content, mode) in sorted(files.items()):
            inputs += [path.encode(), oct(mode).encode(), content]
        tag = tag_of(name, inputs)
        if self._missing(tag):
            self.say(f"{tag}: building")
            self._stream_build(tag, context_tar(files), {**trust.proxies(), **args})
        return tag

    def _stream_build(self, tag: str, context: io.BytesIO, args: Mapping[str, str]) -> None:
        """Build an image, tell its steps, and fail with the last lines of what went wrong."""
        lines: list[str] = []
        stream = self.client.api.build(
            fileobj=context, custom_context=True, tag=tag, forcerm=True, decode=True, buildargs=args
        )
        for message in stream:
            if "error" in message:
                tail = "\n".join(lines[-25:])
                raise LabError(f"Image {tag} did not build: {message['error']}\n{tail}")
            for line in message.get("stream", "").splitlines():
                lines.append(line)
                if line.startswith("Step "):
                    self.say(f"{tag}: {line[:120]}")


def _parameters() -> dict:
    return yaml.safe_load(PARAMETERS.read_text())


def _mmdebstrap(target: Path) -> None:
    """Make a minimal Debian's tar archive from its own packages."""
    if not shutil.which("mmdebstrap"):
        raise LabError(
            "mmdebstrap is not installed, and the base image is made with it: "
            "apt-get install -y mmdebstrap"
        )
    argv = ["mmdebstrap", "--variant=minbase", f"--include={','.join(BASE_PACKAGES)}"]
    argv += [f"--dpkgopt={option}" for option in DPKG_OPTIONS]
    argv += [f"--aptopt={option}" for option in APT_OPTIONS]
    argv += [SUITE, str(target), *([MIRROR] if MIRROR else [])]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"mmdebstrap ended with {done.returncode}:\n{done.stderr[-2000:]}")
