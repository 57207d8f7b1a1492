#!/usr/bin/python3
# Written by Salt (openstack_ha.galera); changes made here are lost.
"""
Whether MariaDB takes a configuration: check-mariadb-config MARIADBD OWN FILE

FILE is to become OWN, and is tried with everything else that the server reads at its start, away
from its data. Exit status 0: it takes all of it.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

# Seconds; it takes less than one.
TIMEOUT = 60
# What it says of an engine that it then starts without.
LOST = re.compile(r"\[ERROR\] .*(Error while setting value|Parsing options for plugin)")
ADJUSTED = re.compile(r"option '([^']+)': .* adjusted to ")
WAY_OUT = (
    "mend the section galera of the cluster file; what a plugin brings that is installed in the "
    "database itself has loose_ before its name"
)


def _files(own):
    """What else the server reads, in its order."""
    folders = (own.parent.parent / "conf.d", own.parent)
    return [path for folder in folders for path in sorted(folder.glob("*.cnf")) if path != own]


def _asked(program, own, new):
    """What the server says of its options, as (exit status, lines)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="openstack_ha-"))
    try:
        # Of the server's user, who has to get there.
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        shutil.chown(data, "mysql")
        config = folder / "all.cnf"
        includes = [f"!include {path}\n" for path in (*_files(own), new)]
        config.write_text("".join(includes), encoding="utf-8")
        command = [program, f"--defaults-file={config}", "--user=mysql", f"--datadir={data}"]
        done = subprocess.run(
            [*command, "--help", "--verbose"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=TIMEOUT,
            check=False,
        )
    finally:
        shutil.rmtree(folder)
    return done.returncode, done.stderr.splitlines()


def faults(program, own, new):
    """Return what the server does not take, as its own lines."""
    code, lines = _asked(program, own, new)
    if code:
        return [line for line in lines if "[Warning]" not in line and line.strip()] or [str(code)]
    names = {
        line.partition("=")[0].strip().replace("-", "_")
        for line in new.read_text(encoding="utf-8").splitlines()
    }
    return [
        line
        for line in lines
        if LOST.search(line)
        or ((found := ADJUSTED.search(line)) and found.group(1).replace("-", "_") in names)
    ]


def main():
    program, own, new = sys.argv[1], *map(pathlib.Path, sys.argv[2:])
    found = faults(program, own, new)
    if found:
        print("\n".join([*found, WAY_OUT]))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
