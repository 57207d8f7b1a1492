"""What a lab lacks of being whole, as its own status tells it."""

import concurrent.futures

REJOIN = "demo.rejoin"


def faults(lab):
    """
    Return what is not as it should be, as lines; nothing for a lab that serves with every node.

    All is asked at once: each question is a process that takes seconds to start.
    """
    questions = [_cluster, _rejoin]
    if lab.with_role("storage"):
        questions.append(_swift)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return [line for found in pool.map(lambda ask: ask(lab), questions) for line in found]


def _cluster(lab):
    """Its own faults, and every server that some HAProxy does not use: it still serves without."""
    status = lab.master.run("openstack_ha.status", lab.inventory["cluster"])
    found = list(status["faults"])
    for node, said in status["nodes"].items():
        proxies = said["haproxy"] if isinstance(said, dict) else None
        # What is no table of servers is a fault of its own.
        for proxy, servers in proxies.items() if isinstance(proxies, dict) else ():
            down = [name for name, serves in servers.items() if not serves]
            if down:
                found.append(f"HAProxy of {node} lacks {proxy} of {', '.join(down)}")
    return found


def _rejoin(lab):
    """Nodes that have not come back since their boot, and the batch that is under way."""
    said = lab.master.salt("*", "openstack_ha_rejoin.status", patience=10)
    found = [f"{node} does not answer" for node in lab.nodes if node not in said]
    for node, one in said.items():
        if not isinstance(one, dict) or not one["has_rejoined"] or one["is_applying"]:
            found.append(f"{node} is on its way back: {one}")
    return found


def _swift(lab):
    status = lab.master.run("openstack_ha_swift.status", lab.inventory["cluster"])
    return [] if status["verdict"] == "healthy" else [f"Swift is {status['verdict']}: {status}"]
