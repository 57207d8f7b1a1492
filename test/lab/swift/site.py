"""The cluster file of a lab with storage nodes, as its tests change it."""

import tempfile
from pathlib import Path

import yaml

from lab import Lab, highstate
from lab.deployment import SOURCE

# Seven hosts on two cores stop for a third of a second now and then. The VIP would move each time,
# and whoever waits for an answer at that moment would wait in vain.
ADVERT_INTERVAL = 1


def source():
    """Return the content of the cluster file that labs are made of."""
    content = yaml.safe_load(SOURCE.read_text())
    content["openstack_ha"]["keepalived"] = {"advert_interval": ADVERT_INTERVAL}
    return content


def create(name, content=None):
    """Return a lab with storage nodes; one that is there gets another cluster file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cluster.yaml")
        path.write_text(yaml.safe_dump(content or source(), sort_keys=False))
        return Lab.create(profile="full", name=name, source=path)


def apply(lab, content, target="*"):
    """Give a lab another cluster file, and its nodes what follows from it."""
    create(lab.name, content)
    returns = lab.highstate(target=target)
    assert highstate.failures(returns, lab.nodes if target == "*" else target.split(",")) == {}
