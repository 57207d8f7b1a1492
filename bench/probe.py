"""
Operations through the VIP, one of each kind every 50 ms unless `PERIODS` says otherwise, until told
to stop.

Runs in the lab's client with its own Python (`/opt/client/bin/python probe.py`), reads its task as
JSON from the file named first, and writes a line of JSON for each operation that has ended. One
that hangs for longer than the task's `timeout` has failed; the next ones have long been started.
"""

import concurrent.futures
import contextlib
import functools
import http.client
import json
import ssl
import sys
import threading
import time
import urllib.request

import pika
import pymysql

PERIOD = 0.05
# What costs more.
PERIODS = {"token": 0.25, "image": 0.25, "resource": 0.25}
# One for all: to read the authorities of a system costs more than a request.
TRUSTED = ssl.create_default_context()
# Seconds for what comes before the measurement.
PATIENCE = 30
# Of one operation at a time: more than are started in the three seconds that one may hang.
WORKERS = round(1.5 * 3 / PERIOD)


def http_get(task):
    with urllib.request.urlopen(
        f"{task['haproxy']['url']}/health", timeout=task["timeout"], context=TRUSTED
    ) as reply:
        reply.read()


def token(task):
    """Give the token of the beginning for a new one, which costs no hash of a password."""
    return _token(task, {"methods": ["token"], "token": {"id": task["token"]}}, task["timeout"])


def _token(task, identity, timeout):
    scope = {"project": {"name": "admin", "domain": {"id": "default"}}}
    request = urllib.request.Request(
        f"{task['keystone']['url']}/v3/auth/tokens",
        json.dumps({"auth": {"identity": identity, "scope": scope}}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=timeout, context=TRUSTED) as reply:
        reply.read()
        return reply.headers["X-Subject-Token"]


def image(task):
    """List images, with the token of the beginning."""
    _get(task, f"{task['glance']['url']}/v2/images?limit=1")


def resource(task):
    """List resource providers, likewise."""
    _get(task, f"{task['placement']['url']}/resource_providers")


def _get(task, url):
    request = urllib.request.Request(url, headers={"X-Auth-Token": task["token"]})
    with urllib.request.urlopen(request, timeout=task["timeout"], context=TRUSTED) as reply:
        reply.read()


def _sql(task):
    galera = task["galera"]
    return pymysql.connect(
        host=task["vip"],
        port=galera["port"],
        user=galera["user"],
        password=galera["password"],
        database=galera["user"],
        connect_timeout=task["timeout"],
        read_timeout=task["timeout"],
        write_timeout=task["timeout"],
        autocommit=True,
    )


def sql_read(task):
    with _sql(task) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM probe_writes WHERE id < 10")
        cursor.fetchall()


def sql_write(task):
    with _sql(task) as connection, connection.cursor() as cursor:
        cursor.execute("INSERT INTO probe_writes (at) VALUES (NOW(6))")


def amqp(task):
    """Declare, publish and get on a queue that only its connection sees."""
    rabbitmq = task["rabbitmq"]
    parameters = pika.ConnectionParameters(
        host=task["vip"],
        port=rabbitmq["port"],
        credentials=pika.PlainCredentials(rabbitmq["user"], rabbitmq["password"]),
        socket_timeout=task["timeout"],
        stack_timeout=task["timeout"],
        blocked_connection_timeout=task["timeout"],
        connection_attempts=1,
    )
    connection = pika.BlockingConnection(parameters)
    try:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.confirm_delivery()
        channel.basic_publish("", queue, b"probe")
        if channel.basic_get(queue, auto_ack=True)[2] != b"probe":
            raise OSError("another message than the one sent")
    finally:
        connection.close()


OPERATIONS = {
    "http": http_get,
    "sql_read": sql_read,
    "sql_write": sql_write,
    "amqp": amqp,
    "token": token,
    "image": image,
    "resource": resource,
}
FAILURES = (OSError, http.client.HTTPException, pymysql.MySQLError, pika.exceptions.AMQPError)


def prepare(task):
    """The table that the writes go to, and the token that later questions have."""
    keystone = task["keystone"]
    user = {"name": keystone["user"], "domain": {"id": "default"}, "password": keystone["password"]}
    identity = {"methods": ["password"], "password": {"user": user}}
    task["token"] = _token(task, identity, PATIENCE)
    with _sql(task) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE IF NOT EXISTS probe_writes "
            "(id BIGINT AUTO_INCREMENT PRIMARY KEY, at DATETIME(6))"
        )


def attempt(name, task, tell):
    begin = time.time()
    try:
        OPERATIONS[name](task)
        error = None
    except FAILURES as exc:
        error = f"{type(exc).__name__}: {exc}"
    tell({"operation": name, "begin": begin, "end": time.time(), "error": error})


def main(task_file):
    with open(task_file, encoding="utf-8") as handle:
        task = json.load(handle)
    lock = threading.Lock()

    def tell(line):
        with lock:
            print(json.dumps(line), flush=True)

    prepare(task)
    names = task["operations"]
    due = dict.fromkeys(names, time.monotonic())
    deadline = time.monotonic() + task["seconds"]
    with contextlib.ExitStack() as stack:
        # A pool each: where one operation hangs, the others start when they are due all the same.
        pools = {
            name: stack.enter_context(concurrent.futures.ThreadPoolExecutor(WORKERS))
            for name in names
        }
        while (now := time.monotonic()) < deadline:
            for name in names:
                if due[name] <= now:
                    pools[name].submit(functools.partial(attempt, name, task, tell))
                    due[name] += PERIODS.get(name, PERIOD)
            time.sleep(max(0, min(due.values()) - time.monotonic()))


if __name__ == "__main__":
    main(sys.argv[1])
