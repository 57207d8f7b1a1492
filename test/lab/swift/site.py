"""The cluster file of a lab, as tests change it."""

import tempfile
from pathlib import Path

import yaml

from lab import Lab, highstate
from lab.deployment import SOURCE


def source():
    """Return the content of the cluster file that labs are made of."""
    return yaml.safe_load(SOURCE.read_text())


def give(lab, content):
    """Give a lab's master another cluster file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cluster.yaml")
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        Lab.create(profile=lab.inventory["profile"], name=lab.name, source=path)


def apply(lab, content, target="*"):
    """Give a lab another cluster file, and its nodes what follows from it."""
    give(lab, content)
    returns = lab.highstate(target=target)
    assert highstate.failures(returns, lab.nodes if target == "*" else target.split(",")) == {}
