"""
Horizon on this node: its settings, and the static files of its version.

Django gathers a version's static files, and joins style sheets and scripts into few, whose names
have their content's digest; which ones a page wants stands in a manifest. That takes a quarter of a
minute, and is done once a version, beside what is served.
"""

import hashlib
import json
import os
import pathlib
import shutil

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_horizon"

# By it the settings know where to.
WHERE = "OPENSTACK_HA_STATIC"
PYTHON = "/usr/bin/python3"
STEPS = (("collectstatic", "--noinput"), ("compress", "--force"))
# Seconds, of a busy host.
TIMEOUT = 900
LOGOS = ("dashboard/img/logo.svg", "dashboard/img/logo-splash.svg")
# Names what has to be there before it.
MANIFEST = "dashboard/manifest.json"


def __virtual__():
    return __virtualname__


def statements():
    """
    Return Horizon's settings as lines of Python, without any secret: each a list of texts and of
    ``{"secret": path}`` where a template asks for it.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_horizon.statements
    """
    found = __utils__["openstack_ha_horizon.settings"](__salt__["openstack_ha.view"]())
    return __utils__["openstack_ha_horizon.statements"](found)


def static(folder, made_of, sources):
    """
    Return ``{"is", "should"}``, digests of what the static files were made of, None where there are
    none, and of what they would be made of now.

    folder
        Of the files that are served.

    made_of
        The file in which the digest is kept.

    sources
        Paths that they follow from, beside what the pillar says: files, or folders of files.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_horizon.static /srv/static /srv/static.made-of '[]'
    """
    try:
        known = pathlib.Path(made_of).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        known = None
    is_there = pathlib.Path(folder, MANIFEST).is_file()
    return {"is": known if is_there else None, "should": _digest(sources)}


def make_static(folder, made_of, program, sources):
    """
    Make the static files, and put them into their folder one by one, the manifest last. Those of
    the version before stay beside them: its pages are still looked at.

    folder, made_of, sources
        As for ``static``.

    program
        Horizon's manage.py.

    Returns what ``static`` does. Raises CommandExecutionError when they cannot be made; what is
    served then stays as it is.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_horizon.make_static /srv/static /srv/static.made-of \\
            /usr/share/openstack-dashboard/manage.py '[]'
    """
    digest, made = _digest(sources), pathlib.Path(f"{folder}.new")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(mode=0o755, parents=True)
    for step in STEPS:
        _run(program, step, made)
    manifest = made / MANIFEST
    # Threads write it in an order of theirs.
    found = json.loads(manifest.read_text(encoding="utf-8"))
    manifest.write_text(json.dumps(found, indent=2, sort_keys=True), encoding="utf-8")
    logo = _site()["logo"]
    for name in LOGOS if logo else ():
        made.joinpath(name).write_text(logo, encoding="utf-8")
    _move(made, pathlib.Path(folder))
    shutil.rmtree(made)
    pathlib.Path(made_of).write_text(f"{digest}\n", encoding="utf-8")
    return static(folder, made_of, sources)


def _site():
    view = __salt__["openstack_ha.view"]()
    return __utils__["openstack_ha_horizon.site"](view["horizon"])


def _digest(sources):
    digest = hashlib.sha256(json.dumps(_site(), sort_keys=True).encode())
    for path in map(pathlib.Path, sources):
        files = sorted(path.glob("*.py")) if path.is_dir() else [path] if path.exists() else []
        for file in files:
            content = file.read_bytes()
            digest.update(f"{file} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def _run(program, step, folder):
    done = __salt__["cmd.run_all"](
        [PYTHON, program, *step],
        # The order of sets is in what is made, which is to be the same on every controller.
        env={WHERE: str(folder), "PYTHONHASHSEED": "0"},
        python_shell=False,
        umask="022",
        timeout=TIMEOUT,
        ignore_retcode=True,
    )
    if done["retcode"]:
        lines = (done["stderr"] or done["stdout"]).strip().splitlines()
        raise CommandExecutionError(
            f"Horizon's static files: `{program} {' '.join(step)}` ended with {done['retcode']}: "
            f"{' / '.join(lines[-3:])}; a setting of horizon:options may be what it cannot take"
        )


def _move(made, folder):
    """
    Put files in their places; whoever reads one meanwhile has the old one or the new one. Folders
    are all there, empty ones too: Horizon would make one at each start, and may not.
    """
    found = sorted(made.rglob("*"))
    for path in [made, *filter(pathlib.Path.is_dir, found)]:
        (folder / path.relative_to(made)).mkdir(mode=0o755, parents=True, exist_ok=True)
    files = filter(pathlib.Path.is_file, found)
    for path in sorted(files, key=lambda path: path == made / MANIFEST):
        os.replace(path, folder / path.relative_to(made))
