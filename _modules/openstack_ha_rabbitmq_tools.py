"""
Talk to brokers: ask their Erlang machines, and call RabbitMQ's own tools and systemd.

What a broker knows, its Erlang machine is asked by erl_call, which takes milliseconds; what is
changed is changed by RabbitMQ's own tools, which take a second of a core each. All have a time
limit, and neither a command nor its output is logged.
"""

import base64
import json
import os
import re
import time

from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_rabbitmq_tools"

# Debian's /usr/sbin/rabbitmqctl puts its arguments through a second shell, which would expand any
# "$" in them; these are what it calls in the end.
_TOOLS = "/usr/lib/rabbitmq/bin"
# Erlang's client in C. It reads the cookie in its user's home.
_CLIENT = "/usr/bin/erl_call"
_USER = "rabbitmq"
_HOME = "/var/lib/rabbitmq"
_SERVICE = "rabbitmq-server"

# Seconds. A tool starts an Erlang machine of its own: 2 s on an idle host, more on a busy one.
_TOOL_TIMEOUT = 60

# A machine that begins listens before it lets anybody in; seconds for that on a busy host, and how
# erl_call says so. Whoever refuses the cookie is told apart by going on with it.
_BEGIN = 10
_BEGIN_POLL = 0.5
_NO_CONNECTION = "failed to connect"

# Where the broker listens for other brokers and for its tools (RabbitMQ's default).
_CLUSTER_PORT = 25672

# Characters of an error.
_SHOWN = 500


def __virtual__():
    return __virtualname__


def installed():
    """
    Return whether the broker's tools are on this host.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_tools.installed
    """
    return os.path.exists(f"{_TOOLS}/rabbitmqctl")


def broker():
    """
    Return the full name of this host's broker, e.g. rabbit@ctl1.

    CLI Example:

    .. code-block:: bash

        salt '*' openstack_ha_rabbitmq_tools.broker
    """
    return _name(__salt__["openstack_ha.view"]()["self"])


def check_meant(meant):
    """
    Make sure that this host's broker is the one that is meant.

    meant
        A broker's full name.

    Raises CommandExecutionError when it is another one.

    CLI Example:

    .. code-block:: bash

        salt ctl3 openstack_ha_rabbitmq_tools.check_meant rabbit@ctl3
    """
    if meant != broker():
        raise CommandExecutionError(
            f"this broker is {broker()}, not {meant}; nothing was done. Name the broker that is "
            "meant"
        )


def ask(expressions, of=None, timeout=_TOOL_TIMEOUT):
    """
    Return what Erlang's expressions come to in a broker's machine; None when there is no machine.

    expressions
        They come to something that ``rabbit_json`` encodes.

    of
        The broker's full name; default: this host's.

    timeout
        Seconds.

    Raises CommandExecutionError when the machine does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_tools.ask 'rabbit:is_running()'
    """
    of = of or broker()
    if not os.path.exists(_CLIENT):
        raise CommandExecutionError(
            f"{_CLIENT} is missing; apply openstack_ha.rabbitmq to install RabbitMQ"
        )
    # In letters that no console changes.
    line = f"io:put_chars(base64:encode(rabbit_json:encode(begin {expressions} end))).\n"
    argv = ["runuser", "-u", _USER, "--", _CLIENT, "-sname", of, "-e", "-fetch_stdout"]
    deadline = time.monotonic() + _BEGIN
    while True:
        result = _quiet(argv, timeout, line)
        answer, said = re.match(r"([A-Za-z0-9+/=]*)(.*)", result["stdout"], re.DOTALL).groups()
        if said.strip() == "{ok, ok}":
            return json.loads(base64.b64decode(answer))
        if result["retcode"] and not _has_machine(of):
            return None
        reason = (result["stderr"] or said).strip()[:_SHOWN]
        if _NO_CONNECTION not in reason or time.monotonic() >= deadline:
            break
        time.sleep(_BEGIN_POLL)
    raise CommandExecutionError(
        f"{of} did not answer erl_call ({result['retcode']}): {reason} "
        "(`rabbitmq-diagnostics status` on the node tells more)"
    )


def ask_own(expressions, timeout=_TOOL_TIMEOUT):
    """
    Return what Erlang's expressions come to in the machine of this host's broker, which runs.

    expressions, timeout
        As ``ask`` has them.

    Raises CommandExecutionError when there is no machine any more, and as ``ask`` does.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_tools.ask_own 'rabbit:is_running()'
    """
    (answer,) = ask(f"[begin {expressions} end]", timeout=timeout) or [None]
    if answer is None:
        raise CommandExecutionError(f"{broker()} ended while it was asked; apply the state again")
    return answer


def listens(address):
    """
    Return whether a broker's Erlang machine listens on a host.

    address
        The host's.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_tools.listens 10.0.0.12
    """
    return __utils__["openstack_ha_knock.at"](address, _CLUSTER_PORT)["serves"]


def call(tool, *args, stdin=None, timeout=_TOOL_TIMEOUT):
    """
    Call one of RabbitMQ's tools as its user, and return what it prints.

    tool
        Its name, e.g. ``rabbitmqctl``, followed by its arguments.

    stdin
        What it reads.

    timeout
        Seconds.

    Raises CommandExecutionError when it fails.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_tools.call rabbitmqctl list_vhosts
    """
    result = run(tool, *args, stdin=stdin, timeout=timeout)
    if result["retcode"]:
        # The rest is advice, and the cookie's hash.
        reason = (result["stderr"] or result["stdout"]).strip().split("\n\n")[0]
        raise CommandExecutionError(
            f"{tool} {' '.join(args)} on {broker()} ended with {result['retcode']}: {reason} "
            "(`rabbitmq-diagnostics status` on the node tells more)"
        )
    return result["stdout"]


def run(tool, *args, stdin=None, timeout=_TOOL_TIMEOUT):
    """
    Call one of RabbitMQ's tools as ``call`` does, and return how it ended, with ``retcode``,
    ``stdout`` and ``stderr``.

    tool, stdin, timeout
        As ``call`` has them.

    Raises CommandExecutionError when there is no such tool.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_tools.run rabbitmq-queues check_if_node_is_quorum_critical
    """
    if not os.path.exists(f"{_TOOLS}/{tool}"):
        raise CommandExecutionError(
            f"{_TOOLS}/{tool} is missing; apply openstack_ha.rabbitmq to install RabbitMQ"
        )
    argv = ["runuser", "-u", _USER, "--", f"{_TOOLS}/{tool}", *args]
    return _quiet([*argv, "--timeout", str(timeout)], timeout + 15, stdin)


def systemctl(verb, service, timeout, *options):
    """
    Have systemd do something with a unit.

    verb
        What, e.g. ``start``.

    service
        The unit.

    timeout
        Seconds. systemd goes on when they are over.

    Further arguments are systemctl's own options.

    Raises CommandExecutionError when it fails or takes longer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_tools.systemctl start rabbitmq-server 300
    """
    result, own = _quiet(["systemctl", verb, *options, service], timeout), broker()
    if result["retcode"]:
        raise CommandExecutionError(
            f"systemctl {verb} {service} on {own} did not end well within {timeout} s: "
            f"{(result['stderr'] or result['stdout']).strip()}; see /var/log/rabbitmq/{own}.log"
        )


def stop():
    """
    Stop this host's broker, also one that waits for others.

    Raises CommandExecutionError when it does not stop.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_tools.stop
    """
    # One that waits for others does not hear the broker's own way to stop.
    _quiet(["systemctl", "kill", "--signal=KILL", _SERVICE], 30)
    systemctl("stop", _SERVICE, 300)


def unit(service):
    """
    Return the ActiveState that systemd gives a unit.

    service
        The unit.

    Raises CommandExecutionError when systemd does not tell.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_rabbitmq_tools.unit rabbitmq-server
    """
    shown = _quiet(["systemctl", "show", "--value", "--property=ActiveState", service], 30)
    if shown["retcode"]:
        raise CommandExecutionError(f"systemctl show {service}: {shown['stderr']}")
    return shown["stdout"].strip()


def _quiet(argv, timeout, stdin=None):
    # "quiet": neither the command nor its output is logged. Raw newlines: else Salt makes real ones
    # of the "\\n" in JSON.
    return __salt__["cmd.run_all"](
        argv,
        python_shell=False,
        timeout=timeout,
        stdin=stdin,
        stdin_raw_newlines=True,
        cwd=_HOME if argv[0] == "runuser" else None,
        env={"HOME": _HOME} if argv[0] == "runuser" else None,
        output_loglevel="quiet",
        ignore_retcode=True,
    )


def _has_machine(of):
    """Whether something listens where the broker's Erlang machine would."""
    controllers = __salt__["openstack_ha.view"]()["controllers"]
    (address,) = (one["address"] for one in controllers if _name(one) == of)
    seen = __utils__["openstack_ha_knock.at"](address, _CLUSTER_PORT)
    # This host itself is never silent because it is down.
    return seen["serves"] or (of == broker() and not seen["answers"])


def _name(controller):
    return __utils__["openstack_ha_rabbitmq.broker"](controller)
