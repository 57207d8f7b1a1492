"""
Programs that come as released wheels: built on one host, unpacked on the others.

``openstack_ha_wheels`` of the utils shows where they stand.
"""

import os
import pathlib
import shutil
import tarfile
import tempfile

import salt.utils.hashutils
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_wheels"

PYTHON = "/usr/bin/python3"
PLATFORM = "import sys, sysconfig; print(sys.implementation.cache_tag, sysconfig.get_platform())"
# Seconds; wheels that have to be compiled first take minutes.
TIMEOUT = 3600
CURRENT = "current"
# In each release, the digest of the archive that it came in.
DIGEST = ".sha256"
# Neither of them is a release.
UNFINISHED, NEXT = ".unpacking-", ".next"


def __virtual__():
    return __virtualname__


def built(label, requirements, folder, archives, corrections=()):
    """
    Return the archive of a set: ``{"release", "archive", "sha256"}``; ``sha256`` is None where it
    is not built.

    label
        What the set is called, e.g. ``nova``.

    requirements
        All of them, those that others need too, pinned with hashes.

    folder
        Where the nodes will have it, e.g. ``/opt/openstack_ha/nova``.

    archives
        The folder of the archives.

    corrections
        What is put right in it: ``{"file", "text", "replacement", "why"}``, the file from the
        folder of the libraries on.

    Raises CommandExecutionError when a requirement is not pinned.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_wheels.built trial '["x==1 --hash=sha256:.."]' /opt/trial /srv/wheels
    """
    if faults := __utils__["openstack_ha_wheels.faults"](requirements):
        raise CommandExecutionError(f"{label} is not built: {'; '.join(faults)}")
    platform = f"{_run([PYTHON, '-c', PLATFORM])} {folder}"
    release = __utils__["openstack_ha_wheels.release"](requirements, list(corrections), platform)
    archive = pathlib.Path(archives, f"{label}-{release}.tar.gz")
    return {"release": release, "archive": str(archive), "sha256": _noted(archive)}


def build(label, requirements, folder, archives, corrections=()):
    """
    Build a set and pack it; this host needs what compiles those without a wheel.

    label, requirements, folder, archives, corrections
        As for ``built``, which says what it returns.

    Raises CommandExecutionError when a file has another hash, the set is not complete, or a
    correction finds nothing to correct.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_wheels.build trial '["x==1 --hash=sha256:.."]' /opt/trial /srv/wheels
    """
    wanted = built(label, requirements, folder, archives, corrections)
    # Programs name their interpreter by its whole path, so it is built where it will run.
    place = pathlib.Path(folder, wanted["release"])
    if _digest_of(place):
        raise CommandExecutionError(f"{place} is in use here, unpacked; build {label} elsewhere")
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    pathlib.Path(archives).mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
            listed.write("\n".join(requirements) + "\n")
            listed.flush()
            _run([PYTHON, "-m", "venv", str(place)])
            pip = [f"{place}/bin/python", "-m", "pip", "--disable-pip-version-check"]
            _run([*pip, "install", "--require-hashes", "--no-deps", "--requirement", listed.name])
            _run([*pip, "check"])
        for one in corrections:
            _correct(place, one)
        _pack(place, pathlib.Path(wanted["archive"]))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return built(label, requirements, folder, archives, corrections)


def releases(folder):
    """
    Return what is unpacked: ``{"current": digest or None, "kept": {digest: release}}``.

    folder
        E.g. ``/opt/openstack_ha/nova``.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_wheels.releases /opt/openstack_ha/nova
    """
    place = pathlib.Path(folder)
    found = [one for one in place.glob("*") if not one.is_symlink() and _digest_of(one)]
    return {
        "current": _digest_of(place / CURRENT),
        "kept": {_digest_of(one): one.name for one in found},
    }


def unpack(folder, source, sha256):
    """
    Unpack an archive beside what is in use; it appears as a whole or not at all.

    folder
        E.g. ``/opt/openstack_ha/nova``.

    source
        The archive: a path, or a URL that Salt knows.

    sha256
        The archive's digest.

    Returns the release's name.

    Raises CommandExecutionError when it is another archive, or does not fit on the disk.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_wheels.unpack /opt/openstack_ha/nova salt://wheels/nova.tar.gz 3b1c..
    """
    archive = __salt__["cp.cache_file"](source)
    if not archive:
        raise CommandExecutionError(f"{source} is not there; is the set built, and does it serve?")
    found = salt.utils.hashutils.get_hash(archive, "sha256")
    if found != sha256:
        raise CommandExecutionError(
            f"{source} has the digest {found} and not {sha256}; nothing was unpacked"
        )
    place = pathlib.Path(folder)
    place.mkdir(mode=0o755, parents=True, exist_ok=True)
    for left in place.glob(f"{UNFINISHED}*"):
        shutil.rmtree(left)
    fresh = pathlib.Path(tempfile.mkdtemp(dir=place, prefix=UNFINISHED))
    try:
        with tarfile.open(archive) as packed:
            # Its digest says that it is the one wanted; it has a link to the system's Python. By
            # this name, since Debian 12's Python lacks the argument.
            packed.extraction_filter = lambda member, path: member
            packed.extractall(fresh)
        (release,) = fresh.iterdir()
        (release / DIGEST).write_text(sha256 + "\n", encoding="ascii")
        os.sync()
        shutil.rmtree(place / release.name, ignore_errors=True)
        release.rename(place / release.name)
    except (OSError, tarfile.TarError, ValueError) as exc:
        raise CommandExecutionError(f"{source} cannot be unpacked in {folder}: {exc}") from exc
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return release.name


def activate(folder, sha256):
    """
    Make what is unpacked the one in use. The one before it is kept, older ones go.

    folder
        E.g. ``/opt/openstack_ha/nova``.

    sha256
        The digest of its archive.

    Returns what ``releases`` does.

    Raises CommandExecutionError when it is not there.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_wheels.activate /opt/openstack_ha/nova 3b1c..
    """
    place, known = pathlib.Path(folder), releases(folder)
    if sha256 not in known["kept"]:
        raise CommandExecutionError(
            f"{folder} has no release {sha256}; there are: {', '.join(known['kept']) or 'none'}"
        )
    link = place / NEXT
    link.unlink(missing_ok=True)
    link.symlink_to(known["kept"][sha256])
    link.replace(place / CURRENT)
    for digest, release in known["kept"].items():
        if digest not in (sha256, known["current"]):
            shutil.rmtree(place / release)
    return releases(folder)


def _correct(place, correction):
    try:
        (path,) = place.glob(f"lib/python3*/site-packages/{correction['file']}")
        text = __utils__["openstack_ha_wheels.corrected"](path.read_text("utf-8"), correction)
        path.write_text(text, encoding="utf-8")
    except ValueError as exc:
        raise CommandExecutionError(f"{place} is not corrected: {exc}") from exc
    _run([f"{place}/bin/python", "-m", "compileall", "-q", str(path)])


def _pack(place, archive):
    draft = archive.with_name(f".{archive.name}")

    def of_root(member):
        member.uid = member.gid = 0
        member.uname = member.gname = "root"
        return member

    with tarfile.open(draft, "w:gz") as packed:
        packed.add(place, arcname=place.name, filter=of_root)
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    digest = salt.utils.hashutils.get_hash(str(draft), "sha256")
    draft.replace(archive)
    # As sha256sum writes it; the last thing that is there.
    note = draft.with_suffix(".sha256")
    note.write_text(f"{digest}  {archive.name}\n", encoding="ascii")
    note.replace(f"{archive}.sha256")


def _noted(archive):
    """The digest of an archive that is there as a whole, else None."""
    try:
        digest = pathlib.Path(f"{archive}.sha256").read_text(encoding="ascii").split()[0]
    except (FileNotFoundError, IndexError):
        return None
    return digest if archive.exists() else None


def _digest_of(release):
    try:
        return (release / DIGEST).read_text(encoding="ascii").strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _run(argv):
    result = __salt__["cmd.run_all"](argv, python_shell=False, timeout=TIMEOUT)
    if result["retcode"]:
        text = (result["stderr"] or result["stdout"]).strip().splitlines()[-5:]
        raise CommandExecutionError(
            f"`{' '.join(argv)}` ended with {result['retcode']}: {' | '.join(text)}"
        )
    return result["stdout"].strip()
