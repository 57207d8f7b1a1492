"""
Runs beside Tempest, with its Python: `records.py FILE` prints what a stream of subunit's in a file
says, as JSON: of each test or fixture its id, its status, and why.
"""

import json
import pathlib
import sys

import subunit
import testtools


def record(test):
    """The id, the status and the reason of what was run."""
    details = test["details"]
    why = details.get("reason") or details.get("traceback")
    return [test["id"], test["status"], why.as_text() if why else ""]


def records(path):
    found = []
    told = testtools.StreamToDict(lambda test: found.append(record(test)))
    told.startTestRun()
    with path.open("rb") as stream:
        # What somebody printed in between is a file of that name.
        subunit.ByteStreamToStreamResult(stream, non_subunit_name="stdout").run(told)
    told.stopTestRun()
    return found


if __name__ == "__main__":
    print(json.dumps(records(pathlib.Path(sys.argv[1]))))
