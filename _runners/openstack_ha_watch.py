"""
What happens in a cluster, as the master's event bus tells it.
"""

import contextlib
import signal
import threading
import time

import salt.utils.event
from salt.exceptions import SaltRunnerError

__virtualname__ = "openstack_ha_watch"

# Seconds of silence after which it is told what is waited for.
SILENCE = 60
# Seconds until Ctrl-C and the end are seen.
POLL = 1
CONNECT_TIMEOUT = 60
# Characters of the longest age.
WIDTH = 12


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def follow(cluster, records, timeout):
    """
    Print one line for each thing that happens, until the time is over or Ctrl-C is pressed.

    cluster
        What ``openstack_ha.cluster`` returns.

    records
        The records of what there are decisions about, by name.

    timeout
        Seconds.

    Returns a line with which it ends.

    Raises SaltRunnerError when the bus is not heard.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.watch demo
    """
    begin = time.monotonic()
    # Of a pipe, that nobody reads any more.
    with _interrupted() as interrupts, _bus() as bus, contextlib.suppress(BrokenPipeError):
        memory, lines = __utils__["openstack_ha_watching.begun"](cluster, records, time.time())
        if not __opts__.get("state_events"):
            lines = [*lines, "steps of states are not told: the master's state_events is off"]
        last = _show(lines, begin)
        while not interrupts and time.monotonic() - begin < timeout:
            event = bus.get_event(wait=POLL, full=True, auto_reconnect=True)
            lines = _lines(memory, event, time.monotonic() - last)
            if lines is not None:
                last = _show(lines, begin)
    age = __utils__["openstack_ha_age.age"](time.monotonic() - begin)
    return f"watched {cluster['name']} for {age}; `salt-run openstack_ha.status` says how it is"


def _lines(memory, event, silence):
    """What is to be shown, None when nothing is."""
    now, lines = time.monotonic(), []
    if event:
        lines = __utils__["openstack_ha_watching.heard"](memory, event["tag"], event["data"], now)
    if not lines and silence >= SILENCE:
        return __utils__["openstack_ha_watching.waiting"](memory, now)
    return lines or None


def _show(lines, begin):
    """Print lines with the age of the watch; the time at which it was."""
    now = time.monotonic()
    age = __utils__["openstack_ha_age.age"](now - begin)
    for line in lines:
        # At once, for whoever reads a pipe.
        print(f"{age:>{WIDTH}}  {line}", flush=True)
    return now


@contextlib.contextmanager
def _interrupted():
    """A list that Ctrl-C makes true: Salt's own handler ends in the middle of whatever is read."""
    pressed = []
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _bus():
    with salt.utils.event.get_event("master", __opts__["sock_dir"], opts=__opts__) as bus:
        if not bus.connect_pub(timeout=CONNECT_TIMEOUT):
            raise SaltRunnerError(
                f"the master's event bus was not heard within {CONNECT_TIMEOUT} s; "
                "`systemctl status salt-master`"
            )
        yield bus
