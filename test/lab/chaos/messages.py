"""
Read all messages of the queue named second, and add their numbers to the file named third.

Runs in the lab's client with its own Python: `messages.py TASK.json QUEUE FILE take` takes them out
of the queue, `keep` leaves them there. A connection through the VIP may break at any time: then
another one is tried.
"""

import json
import pathlib
import sys
import time

import pika

# Messages that are on their way at once, and acknowledged together.
BATCH = 500
# Seconds without a message, while there should be some.
SILENCE = 10
TRIES = 5


def read(task, queue, file, is_taking):
    rabbitmq = task["rabbitmq"]
    credentials = pika.PlainCredentials(rabbitmq["user"], rabbitmq["password"])
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(
            host=task["vip"], port=rabbitmq["port"], credentials=credentials, heartbeat=60
        )
    )
    channel = connection.channel()
    left = channel.queue_declare(queue, passive=True).method.message_count
    if is_taking:
        # A quorum queue never has more than 2000 messages on their way to a consumer.
        channel.basic_qos(prefetch_count=2 * BATCH)
    for method, _, body in channel.consume(queue, inactivity_timeout=SILENCE):
        if method is None:
            raise OSError(f"{left} messages of {queue} do not come within {SILENCE} s")
        print(int(body), file=file, flush=True)
        left -= 1
        if is_taking and (left <= 0 or method.delivery_tag % BATCH == 0):
            channel.basic_ack(method.delivery_tag, multiple=True)
        if left <= 0:
            break
    connection.close()


def main(task_file, queue, path, verb):
    with open(task_file, encoding="utf-8") as handle:
        task = json.load(handle)
    with pathlib.Path(path).open("a", encoding="utf-8") as file:
        for _ in range(TRIES):
            try:
                return read(task, queue, file, is_taking=verb == "take")
            except (OSError, pika.exceptions.AMQPError) as exc:
                print(f"{type(exc).__name__}: {exc}", file=sys.stderr)
                time.sleep(1)
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
