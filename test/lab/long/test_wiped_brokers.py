"""
Brokers that have lost their disks while the one that has not is away: nobody begins anew on his
own, whoever asks, and what was confirmed is there when that one is back.
"""

import json
from pathlib import Path

import pytest

from lab.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.usefixtures("mended")

BOUND = 300
PYTHON, TASK = "/opt/client/bin/python", "/etc/trial.json"
# One that is mirrored, as the formula's policy has it here: its name is nothing special.
QUEUE, COUNT = "trial", 100
PUBLISH = """
import json, sys, pika
task, queue, count = json.load(open(sys.argv[1])), sys.argv[2], int(sys.argv[3])
known = task["rabbitmq"]
credentials = pika.PlainCredentials(known["user"], known["password"])
channel = pika.BlockingConnection(
    pika.ConnectionParameters(host=task["vip"], port=known["port"], credentials=credentials)
).channel()
channel.queue_declare(queue, durable=True)
channel.queue_purge(queue)
channel.confirm_delivery()
for number in range(count):
    channel.basic_publish("", queue, str(number).encode(), pika.BasicProperties(delivery_mode=2))
"""


@pytest.fixture
def messages(lab):
    """Publish messages, each confirmed; return a function that reads their numbers."""
    known = {"vip": lab.inventory["vip"]["address"], **lab.inventory["credentials"]}
    lab.client.write(TASK, json.dumps(known), mode=0o600)
    lab.client.check([PYTHON, "-c", PUBLISH, TASK, QUEUE, str(COUNT)])
    source = Path(__file__).parents[1] / "chaos/messages.py"
    lab.client.write("/opt/client/trial_messages.py", source.read_text(encoding="utf-8"))

    def read():
        file = "/run/trial-messages"
        lab.client.check(["rm", "-f", file])
        reader = [PYTHON, "/opt/client/trial_messages.py", TASK, QUEUE, file, "take"]
        lab.client.check(reader)
        return sorted(map(int, lab.client.read(file).split()))

    yield read
    lab.node("ctl1").check(["rabbitmqctl", "delete_queue", QUEUE])


def test_wiped_brokers_begin_nothing_without_the_one_that_has_the_messages(
    lab, messages, refusal, serving
):
    lab.node("ctl3").kill()
    lab.master.stop()
    for node in ("ctl1", "ctl2"):
        lab.node(node).check(["systemctl", "kill", "--signal=KILL", "rabbitmq-server"])
        lab.node(node).check(["systemctl", "stop", "rabbitmq-server"])
        lab.node(node).check(["rm", "-r", f"/var/lib/rabbitmq/mnesia/rabbit@{node}"])
    lab.master.start()
    # States that fail are an exit code of Salt's, too.
    argv = ["salt", "--out=json", "--static", f"--timeout={BOUND}", "-L", "ctl1,ctl2"]
    applied = lab.master.host.run(
        [*argv, "state.apply", "openstack_ha.rabbitmq"], timeout=2 * BOUND
    )
    done = json.loads(applied.out)
    for node in ("ctl1", "ctl2"):
        failed = next(one for one in done[node].values() if one["result"] is False)
        assert failed["__id__"] == "openstack_ha_rabbitmq_member"
        assert "The master refused: " in failed["comment"]
        assert "ctl3 did not answer" in failed["comment"]
        found = lab.master.salt(node, "openstack_ha_rabbitmq.evidence")[node]
        assert (found["is_blank"], found["is_running"]) == (True, False)
    lab.node("ctl3").boot()
    lab.node("ctl3").wait_booted()
    # Until it answers, the refusal is the one of before.
    place = ("broken-rabbitmq.md", "Brokers wait for one another")
    wait_for(lambda: refusal("rabbitmq") == place, PATIENCE, "ctl3 to be heard")
    lab.master.run("openstack_ha_rabbitmq.recover", "demo", "ctl3", dry_run=False)
    serving(BOUND)
    assert messages() == list(range(COUNT))
