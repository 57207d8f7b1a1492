"""
Wait until every member is Synced, every broker sees all of them and every queue has its copies.

Runs in the lab's client with its own Python: `whole.py TASK.json SECONDS` prints
`{"galera": TIME, "rabbitmq": TIME, "queues": TIME}`, None for what was not whole within SECONDS;
each is the first look from which on it stayed whole.
"""

import json
import sys
import time

import pymysql
import requests

TIMEOUT = 2
PAUSE = 0.5
SYNCED = "4"
MANAGEMENT_PORT = 15672


def galera_is_whole(task):
    return all(_is_synced(task, address) for address in task["nodes"])


def _is_synced(task, address):
    galera = task["galera"]
    connection = pymysql.connect(
        host=address,
        port=galera["port"],
        user=galera["user"],
        password=galera["password"],
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        write_timeout=TIMEOUT,
    )
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_status',"
            " 'wsrep_cluster_size', 'wsrep_local_state')"
        )
        found = dict(cursor.fetchall())
    return found == {
        "wsrep_cluster_status": "Primary",
        "wsrep_cluster_size": str(len(task["nodes"])),
        "wsrep_local_state": SYNCED,
    }


def _management(task, address, path):
    reply = requests.get(
        f"http://{address}:{MANAGEMENT_PORT}/api/{path}",
        auth=("health", task["rabbitmq"]["accounts"]["health"]),
        timeout=TIMEOUT,
    )
    reply.raise_for_status()
    return reply.json()


def rabbitmq_is_whole(task):
    return all(_sees_all(task, address) for address in task["nodes"])


def _sees_all(task, address):
    brokers = _management(task, address, "nodes?columns=running,partitions")
    return len(brokers) == len(task["nodes"]) and all(
        broker["running"] and not broker.get("partitions") for broker in brokers
    )


def queues_are_whole(task):
    """Every copy that a queue should have is there."""
    queues = _management(
        task,
        task["nodes"][0],
        "queues?columns=name,type,members,online,slave_nodes,synchronised_slave_nodes",
    )
    return all(_is_whole(one, task) for one in queues if str(task["run"]) in one["name"])


def _is_whole(queue, task):
    if queue["type"] == "quorum":
        return len(queue.get("online", [])) == len(queue["members"]) == len(task["nodes"])
    copies = queue.get("slave_nodes", [])
    return bool(copies) and len(copies) == len(queue.get("synchronised_slave_nodes", []))


LOOKS = {"galera": galera_is_whole, "rabbitmq": rabbitmq_is_whole, "queues": queues_are_whole}
FAILURES = (OSError, pymysql.MySQLError, requests.RequestException)


def main(task_file, seconds):
    with open(task_file, encoding="utf-8") as handle:
        task = json.load(handle)
    deadline = time.monotonic() + float(seconds)
    since = dict.fromkeys(LOOKS)
    while not all(since.values()) and time.monotonic() < deadline:
        for name, look in LOOKS.items():
            begin = time.time()
            try:
                is_whole = look(task)
            except FAILURES:
                is_whole = False
            since[name] = (since[name] or begin) if is_whole else None
        time.sleep(PAUSE)
    print(json.dumps(since))


if __name__ == "__main__":
    main(*sys.argv[1:])
