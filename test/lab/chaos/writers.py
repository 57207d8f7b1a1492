"""
Writes numbered rows and messages through the VIP for ever, and logs what became of each number.

Runs in the lab's client with its own Python: `writers.py TASK.json prepare` makes an empty table
and new queues, `writers.py TASK.json write` writes, and `writers.py TASK.json ballast MEGABYTES`
makes the database bigger.

A line of a log is `a NUMBER TIME` for a number that was acknowledged, else `u NUMBER TIME REASON`:
that one may be there or not. No number is ever used twice.
"""

import functools
import json
import pathlib
import sys
import threading
import time

import pika
import pymysql

PERIOD = 0.05
PAUSE = 0.2
SQL_TIMEOUT = 10
# A confirm may wait for a leader; a number that waits longer than this is given up.
CONFIRM_TIMEOUT = 20
IN_FLIGHT = 20
QUEUES = {"quorum": {"x-queue-type": "quorum"}, "mirrored": {}}


class Log:
    """The fate of each number, in the file at once."""

    def __init__(self, folder, name):
        path = pathlib.Path(folder, f"{name}.log")
        self.handle = path.open("a", encoding="utf-8")  # noqa: SIM115
        self.number = 0

    def next(self):
        self.number += 1
        return self.number

    def acknowledged(self, number):
        print("a", number, time.time(), file=self.handle, flush=True)

    def unknown(self, number, reason):
        print("u", number, time.time(), " ".join(str(reason).split()), file=self.handle, flush=True)


def sql_connection(task):
    galera = task["galera"]
    return pymysql.connect(
        host=task["vip"],
        port=galera["port"],
        user=galera["user"],
        password=galera["password"],
        database=galera["user"],
        connect_timeout=SQL_TIMEOUT,
        read_timeout=SQL_TIMEOUT,
        write_timeout=SQL_TIMEOUT,
        autocommit=True,
    )


def write_rows(task):
    log = Log(task["folder"], "rows")
    while True:
        try:
            connection = sql_connection(task)
        except (OSError, pymysql.MySQLError):
            time.sleep(PAUSE)
            continue
        with connection.cursor() as cursor:
            is_good = True
            while is_good:
                is_good = _write_row(cursor, log)
                time.sleep(PERIOD)
        connection._force_close()


def _write_row(cursor, log):
    number = log.next()
    try:
        cursor.execute("INSERT INTO chaos (id, at) VALUES (%s, NOW(6))", (number,))
    except (OSError, pymysql.MySQLError) as exc:
        log.unknown(number, exc)
        return False
    log.acknowledged(number)
    return True


def amqp_parameters(task):
    rabbitmq = task["rabbitmq"]
    return pika.ConnectionParameters(
        host=task["vip"],
        port=rabbitmq["port"],
        credentials=pika.PlainCredentials(rabbitmq["user"], rabbitmq["password"]),
        heartbeat=6,
        # Short: whoever waits for a server that is not there yet measures its own patience.
        socket_timeout=2,
        stack_timeout=2,
        connection_attempts=1,
    )


def queue_name(task, kind):
    return f"chaos_{task['run']}_{kind}"


class Publisher:
    """Publishes to one queue with confirms, several numbers in flight."""

    def __init__(self, task, kind):
        self.task = task
        self.queue = queue_name(task, kind)
        self.log = Log(task["folder"], kind)

    def run(self):
        while True:
            self.reason = "connection lost"
            self.tag = 0
            self.flying = {}
            self.returned = set()
            connection = pika.SelectConnection(
                amqp_parameters(self.task),
                on_open_callback=self._opened,
                on_open_error_callback=self._ended,
                on_close_callback=self._ended,
            )
            connection.ioloop.start()
            for number, _ in self.flying.values():
                self.log.unknown(number, self.reason)
            time.sleep(PAUSE)

    def _ended(self, connection, reason):
        self.reason = reason
        connection.ioloop.stop()

    def _opened(self, connection):
        connection.channel(on_open_callback=functools.partial(self._ready, connection))

    def _ready(self, connection, channel):
        channel.add_on_return_callback(self._came_back)
        channel.add_on_close_callback(functools.partial(self._channel_closed, connection))
        channel.confirm_delivery(
            self._confirmed, callback=lambda _frame: self._tick(connection, channel)
        )

    def _channel_closed(self, connection, _channel, reason):
        self.reason = reason
        if connection.is_open:
            connection.close()

    def _came_back(self, _channel, _method, _properties, body):
        self.returned.add(int(body))

    def _confirmed(self, frame):
        answer = frame.method
        upto = [tag for tag in self.flying if tag <= answer.delivery_tag]
        for tag in upto if answer.multiple else [answer.delivery_tag]:
            number, _ = self.flying.pop(tag)
            if isinstance(answer, pika.spec.Basic.Nack):
                self.log.unknown(number, "refused")
            elif number in self.returned:
                self.log.unknown(number, "no such queue")
            else:
                self.log.acknowledged(number)

    def _tick(self, connection, channel):
        if not channel.is_open:
            return
        oldest = next(iter(self.flying.values()), (0, time.monotonic()))[1]
        if time.monotonic() - oldest > CONFIRM_TIMEOUT:
            self.reason = f"no confirm within {CONFIRM_TIMEOUT} s"
            connection.ioloop.stop()
            return
        if len(self.flying) < IN_FLIGHT:
            self.tag += 1
            number = self.log.next()
            self.flying[self.tag] = (number, time.monotonic())
            body = str(number).encode()
            persistent = pika.BasicProperties(delivery_mode=2)
            channel.basic_publish("", self.queue, body, persistent, mandatory=True)
        connection.ioloop.call_later(PERIOD, lambda: self._tick(connection, channel))


def prepare(task):
    """An empty table, new queues, no logs."""
    folder = pathlib.Path(task["folder"])
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.*"):
        old.unlink()
    with sql_connection(task) as connection, connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS chaos")
        cursor.execute("CREATE TABLE chaos (id BIGINT PRIMARY KEY, at DATETIME(6))")
    connection = pika.BlockingConnection(amqp_parameters(task))
    channel = connection.channel()
    for kind, arguments in QUEUES.items():
        channel.queue_declare(queue_name(task, kind), durable=True, arguments=arguments)
    connection.close()


def ballast(task, megabytes):
    """So many megabytes of rows, or as many as fit."""
    with sql_connection(task) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS ballast (id SERIAL, bytes MEDIUMBLOB)")
        for _ in range(int(megabytes)):
            cursor.execute("INSERT INTO ballast (bytes) VALUES (REPEAT(RANDOM_BYTES(1000), 1000))")


def write(task):
    """For ever, each kind in a thread of its own."""
    jobs = [functools.partial(write_rows, task)]
    jobs += [Publisher(task, kind).run for kind in QUEUES]
    threads = [threading.Thread(target=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(task_file, command, *arguments):
    with open(task_file, encoding="utf-8") as handle:
        task = json.load(handle)
    {"prepare": prepare, "ballast": ballast, "write": write}[command](task, *arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
