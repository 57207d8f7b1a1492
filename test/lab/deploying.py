"""A deployment as the master's event bus tells of it."""

from dataclasses import dataclass, field


@dataclass
class Deployment:
    """What nodes returned, and what the master decided and ordered meanwhile."""

    returns: dict = field(default_factory=dict)
    verdicts: list = field(default_factory=list)
    steps: list = field(default_factory=list)


def heard(lab, deploy):
    """Return the deployment that `deploy` does, a function that gives the nodes' returns."""
    made = Deployment()
    decision = f"openstack_ha/{lab.inventory['cluster']}/galera/decision"

    def tell(tag, data):
        if tag == decision:
            made.verdicts.append(data["verdict"])
        elif data.get("fun") == "openstack_ha_master.serve" and tag.endswith("/new"):
            made.steps.extend(one["function"] for one in data["arg"] if isinstance(one, dict))

    with lab.listen("*", tell):
        made.returns = deploy()
    return made


def assert_one_cluster(lab, made):
    """Assert that one server was bootstrapped, and that all are members of one cluster."""
    # A node that is silent as it is looked at once more puts the decision off, not the step.
    assert made.steps.count("openstack_ha_galera.bootstrap") == 1, made.verdicts
    assert made.verdicts[-1] == "settled", made.verdicts
    controllers = lab.with_role("controller")
    status = lab.master.salt(",".join(controllers), "openstack_ha_galera.status")
    assert {one["wsrep"]["cluster_size"] for one in status.values()} == {len(controllers)}
    assert len({one["wsrep"]["state_uuid"] for one in status.values()}) == 1
    assert all(one["is_synced"] for one in status.values())
