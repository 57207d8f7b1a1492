"""
Programs that come as released wheels: built on one host, unpacked on the others.

``openstack_ha_wheels`` of the utils shows where they stand. The master serves what is built on it
in an environment of its own, ``openstack_ha.master`` says from which folder.
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
SALTENV = "openstack_ha_wheels"
CURRENT = "current"
# In each release, the digest of the archive that it came in.
DIGEST = ".sha256"
# Neither of them is a release.
UNFINISHED, NEXT = ".unpacking-", ".next"


def __virtual__():
    return __virtualname__


def release(label, requirements, folder, corrections=()):
    """
    Return the name of a set's release for this host's Python and machine.

    label
        What the set is called, e.g. ``nova``.

    requirements
        All of them, those that others need too, pinned with hashes.

    folder
        Where the nodes have it, e.g. ``/opt/openstack_ha/nova``.

    corrections
        What is put right in it: ``{"file", "text", "replacement", "why"}``, the file from the
        folder of the libraries on.

    Raises CommandExecutionError when a requirement is not pinned.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_wheels.release trial '["x==1 --hash=sha256:.."]' /opt/trial
    """
    if faults := __utils__["openstack_ha_wheels.faults"](requirements):
        raise CommandExecutionError(f"{label} is not built: {'; '.join(faults)}")
    platform = f"{_run([PYTHON, '-c', PLATFORM])} {folder}"
    return __utils__["openstack_ha_wheels.release"](requirements, list(corrections), platform)


def built(label, requirements, folder, archives, corrections=()):
    """
    Return the archive of a set: ``{"release", "archive", "sha256"}``; ``sha256`` is None where it
    is not built.

    label, requirements, folder, corrections
        As for ``release``, with what it raises.

    archives
        The folder of the archives.

    CLI Example:

    .. code-block:: bash

        salt-call openstack_ha_wheels.built trial '["x==1 --hash=sha256:.."]' /opt/trial /srv/wheels
    """
    name = release(label, requirements, folder, corrections)
    archive = pathlib.Path(archives, __utils__["openstack_ha_wheels.archive"](label, name))
    return {"release": name, "archive": str(archive), "sha256": _noted(archive)}


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
        _run([PYTHON, "-m", "venv", str(place)])
        # First what builds the others: left to itself, pip takes the newest for those that come as
        # source, from the index and without a hash.
        if builders := __utils__["openstack_ha_wheels.builders"](requirements):
            _install(place, builders)
        _install(place, requirements)
        _run([f"{place}/bin/python", "-m", "pip", "check"])
        for one in corrections:
            _correct(place, one)
        _pack(place, pathlib.Path(wanted["archive"]))
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return built(label, requirements, folder, archives, corrections)


def releases(folder):
    """
    Return what is unpacked: ``{"current": release or None, "kept": {release: digest}}``.

    folder
        E.g. ``/opt/openstack_ha/nova``.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_wheels.releases /opt/openstack_ha/nova
    """
    place = pathlib.Path(folder)
    found = {one.name: _digest_of(one) for one in place.glob("*") if not one.is_symlink()}
    kept = {name: digest for name, digest in found.items() if digest}
    try:
        current = (place / CURRENT).readlink().name
    except FileNotFoundError:
        current = None
    return {"current": current if current in kept else None, "kept": kept}


def served(label, name):
    """
    Return the digest of a release's archive as the master says it, None where it serves none.

    label
        What the set is called, e.g. ``nova``.

    name
        The release's.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_wheels.served nova 4f2a6d0c9b1e7a35
    """
    note = __salt__["cp.get_file_str"](f"{_url(label, name)}.sha256", saltenv=SALTENV)
    return __utils__["openstack_ha_wheels.noted"](note)


def fetch(label, name, folder, way_out):
    """
    Unpack a release that the master serves; its digest comes over Salt's own channel.

    label, name
        As for ``served``.

    folder
        E.g. ``/opt/openstack_ha/nova``.

    way_out
        What is to be done where it is not served.

    Returns the release's name.

    Raises CommandExecutionError when it is not served, and what ``unpack`` raises.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_wheels.fetch nova 4f2a6d0c9b1e7a35 /opt/openstack_ha/nova 'build it'
    """
    sha256 = served(label, name)
    if sha256 is None:
        archive = __utils__["openstack_ha_wheels.archive"](label, name)
        raise CommandExecutionError(
            f"{archive} is neither unpacked in {folder} nor served by the master: {way_out}"
        )
    return unpack(folder, f"{_url(label, name)}?saltenv={SALTENV}", sha256)


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
        (whole,) = fresh.iterdir()
        (whole / DIGEST).write_text(sha256 + "\n", encoding="ascii")
        os.sync()
        shutil.rmtree(place / whole.name, ignore_errors=True)
        whole.rename(place / whole.name)
    except (OSError, tarfile.TarError, ValueError) as exc:
        raise CommandExecutionError(f"{source} cannot be unpacked in {folder}: {exc}") from exc
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    # Salt would keep its copy for good.
    if pathlib.Path(archive).is_relative_to(__opts__["cachedir"]):
        pathlib.Path(archive).unlink()
    return whole.name


def activate(folder, name):
    """
    Make a release that is unpacked the one in use. The one before it is kept, older ones go.

    folder
        E.g. ``/opt/openstack_ha/nova``.

    name
        The release's.

    Returns what ``releases`` does.

    Raises CommandExecutionError when it is not there.

    CLI Example:

    .. code-block:: bash

        salt cmp1 openstack_ha_wheels.activate /opt/openstack_ha/nova 4f2a6d0c9b1e7a35
    """
    place, known = pathlib.Path(folder), releases(folder)
    if name not in known["kept"]:
        raise CommandExecutionError(
            f"{folder} has no release {name}; there are: {', '.join(known['kept']) or 'none'}"
        )
    link = place / NEXT
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    link.replace(place / CURRENT)
    for one in known["kept"].keys() - {name, known["current"]}:
        shutil.rmtree(place / one)
    return releases(folder)


def _url(label, name):
    return f"salt://{__utils__['openstack_ha_wheels.archive'](label, name)}"


def _install(place, requirements):
    """Install exactly these; what comes as source is built by what the set has for it."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(requirements) + "\n")
        listed.flush()
        _run(
            [
                *(f"{place}/bin/python", "-m", "pip", "--disable-pip-version-check", "install"),
                *("--require-hashes", "--no-deps", "--no-build-isolation", "--no-cache-dir"),
                *("--requirement", listed.name),
            ]
        )


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
        text = pathlib.Path(f"{archive}.sha256").read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    return __utils__["openstack_ha_wheels.noted"](text) if archive.exists() else None


def _digest_of(place):
    try:
        return (place / DIGEST).read_text(encoding="ascii").strip()
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
