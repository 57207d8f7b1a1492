"""What is kept of a lab when one of its tests fails."""

import concurrent.futures
import re
import shutil

from support import ROOT

from lab import Lab, evidence

FOLDER = ROOT / "test" / ".evidence" / "lab"
# The master's word on it, beside what each host has written.
STATUS = ["salt-run", "openstack_ha.status"]
LONGEST_NAME = 120
# Hosts write on: what the first tests leave tells of the others, too.
TESTS = 3


def forget():
    """Remove what an earlier run has left."""
    shutil.rmtree(FOLDER, ignore_errors=True)


def place(test):
    """Return the folder for a test, by its name."""
    return FOLDER / re.sub(r"[^\w.-]+", "-", test).strip("-")[-LONGEST_NAME:]


def of(name, test):
    """Keep what there is of the lab of a name for a test that failed; return where, or why not."""
    if FOLDER.exists() and len(list(FOLDER.iterdir())) >= TESTS:
        return f"with that of the first {TESTS} tests that failed, in {FOLDER}"
    try:
        return str(keep(Lab.load(name), place(test)))
    except Exception as exc:
        # The test's own failure is what is to be seen.
        return f"not kept: {exc!r}"


def keep(lab, folder):
    """Copy what all hosts of a lab tell into a folder, and return it."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        list(pool.map(lambda host: evidence.collect(host, folder / host.id), lab.hosts()))
    said = lab.master.host.run(STATUS, timeout=120)
    (folder / "status.txt").write_text(said.out + said.err, encoding="utf-8")
    return folder
