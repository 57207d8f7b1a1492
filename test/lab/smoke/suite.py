"""Tempest as the lab's test runs it: what it is told, which tests, and what came of them."""

import configparser
import io
import re
from typing import NamedTuple

CASE = re.compile(r"tempest\.api\.([\w.]+)(?:\[.*\])?")
OF_CLASS = re.compile(r"(setUpClass|tearDownClass) \(tempest\.api\.([\w.]+)\)")
FATES = {"success": "passed", "skip": "skipped"}
LISTED = "exists"


class Outcome(NamedTuple):
    """What became of a test, `passed`, `skipped` or `failed`, and why."""

    fate: str
    why: str


def configuration(settings, cloud, made):
    """
    Return tempest.conf.

    settings
        Of Tempest's, by section.

    cloud
        The administrator's, as clouds.yaml has it.

    made
        What machines are made of, by Tempest's names: ``image_ref``, ``flavor_ref``, ...
    """
    auth, region = cloud["auth"], {"region": cloud["region_name"]}
    known = {
        "auth": {
            "admin_username": auth["username"],
            "admin_password": auth["password"],
            "admin_project_name": auth["project_name"],
            "admin_domain_name": auth["user_domain_name"],
        },
        "identity": {
            "uri_v3": auth["auth_url"],
            "ca_certificates_file": cloud["cacert"],
            **region,
        },
        "compute": {**made, **region},
        "image": region,
        "object-storage": region,
    }
    # A percent sign is no reference.
    parser = configparser.RawConfigParser()
    for section in (*settings, *known):
        parser[section] = {**settings.get(section, {}), **known.get(section, {})}
    written = io.StringIO()
    parser.write(written)
    return written.getvalue()


def regex(parts):
    """Return what chooses the smoke tests of some parts of Tempest's API tests."""
    return rf"^tempest\.api\.({'|'.join(map(re.escape, parts))})\..*\[.*\bsmoke\b"


def outcomes(records):
    """
    Return the outcome of each test that was asked for, by its name below ``tempest.api``.

    A test that did not run shares the fate of its class. A class that cannot clean up after its
    tests is one more that has failed.

    records
        What ``records.py`` prints.
    """
    listed, found, classes = set(), {}, {}
    for identifier, status, why in records:
        outcome = Outcome(FATES.get(status, "failed"), why.strip())
        if case := CASE.fullmatch(identifier):
            listed.add(case[1])
            if status != LISTED:
                found[case[1]] = outcome
        elif of_class := OF_CLASS.fullmatch(identifier):
            if of_class[1] == "setUpClass":
                classes[of_class[2]] = outcome
            elif outcome.fate == "failed":
                found[f"{of_class[2]}.tearDownClass"] = outcome
    for name in listed - set(found):
        found[name] = classes.get(name.rpartition(".")[0], Outcome("failed", "it did not run"))
    return found


def expected(known, parts):
    """
    Return the fate of each test that is known, of some parts.

    known
        Tests by their fate: ``passed`` has their names, ``skipped`` and ``failed`` have a reason
        and the names of those that it holds for.
    """
    fates = dict.fromkeys(known["passed"], "passed")
    for fate in ("skipped", "failed"):
        for group in known[fate]:
            fates.update(dict.fromkeys(group["tests"], fate))
    chosen = tuple(f"{part}." for part in parts)
    return {name: fate for name, fate in fates.items() if name.startswith(chosen)}
