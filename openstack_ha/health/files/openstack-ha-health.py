#!/usr/bin/python3
# Written by Salt (openstack_ha.health); changes made here are lost.
"""
Tells HAProxy over HTTP whether the services of this node can be used: 200 or 503, and why.

One process stays for all the checks of all load balancers: a process a check, as xinetd or a
systemd socket with Accept=yes makes them, costs more than the answer at two checks a second
from each controller. A look at a service is shared by all who ask while it is under way or
still fresh, and whoever asks has an answer in bounded time, also where the service hangs.

    openstack-ha-health                 serve on the sockets that systemd hands over
    openstack-ha-health --once galera   say the verdict and the reason, exit status 0 or 1
"""

import argparse
import asyncio
import base64
import collections
import concurrent.futures
import http.client
import json
import os
import pathlib
import signal
import socket
import sys
import time

CONFIG = "/etc/openstack-ha-health/config.json"
FIRST_SYSTEMD_SOCKET = 3
REQUEST_TIMEOUT = 2
REQUEST_LIMIT = 8192
# A reused connection that breaks at once was closed by the server meanwhile; one that breaks
# late ran into the time-out, and a second try would double it.
STALE_CONNECTION_BREAKS_WITHIN = 0.1

SYNCED, DONOR = "4", "2"
STATE_NAMES = {"1": "joining", DONOR: "donor", "3": "joined", SYNCED: "synced"}

Verdict = collections.namedtuple("Verdict", "good reason")


def galera_verdict(facts, available_when_donor):
    """Judge one node by its status and its variables, names in lower case."""
    state = facts.get("wsrep_local_state", "")
    serving = (SYNCED, DONOR) if available_when_donor else (SYNCED,)
    if facts.get("wsrep_ready") != "ON":
        return Verdict(False, f"wsrep_ready is {facts.get('wsrep_ready', 'unknown')}")
    if facts.get("wsrep_cluster_status") != "Primary":
        return Verdict(False, f"component is {facts.get('wsrep_cluster_status', 'unknown')}")
    if state not in serving:
        return Verdict(False, f"node is {STATE_NAMES.get(state, f'in state {state!r}')}")
    if facts.get("read_only") != "OFF":
        return Verdict(False, f"read_only is {facts.get('read_only', 'unknown')}")
    if facts.get("wsrep_reject_queries") != "NONE":
        return Verdict(False, f"queries rejected: {facts.get('wsrep_reject_queries', 'unknown')}")
    return Verdict(True, STATE_NAMES[state])


def rabbitmq_verdict(node):
    """Judge one broker by its entry in the management API's list of nodes."""
    if node.get("running") is not True:
        return Verdict(False, "node is not running")
    if node.get("partitions"):
        return Verdict(False, f"partitioned from {', '.join(node['partitions'])}")
    for alarm in ("mem_alarm", "disk_free_alarm"):
        if node.get(alarm) is not False:
            return Verdict(False, f"{alarm} is {node.get(alarm, 'unknown')}")
    if node.get("being_drained"):
        return Verdict(False, "node is drained")
    return Verdict(True, "running")


class Probe:
    """A look at a service over a connection that stays open. Not for several threads at once."""

    def __init__(self, options):
        self.options = options
        self.connection = None

    def look(self):
        """Return the verdict; a service that cannot be asked has a bad one."""
        started, reused = time.monotonic(), self.connection is not None
        try:
            return self._look()
        except Exception as error:
            self.close()
            if reused and time.monotonic() - started < STALE_CONNECTION_BREAKS_WITHIN:
                return self.look()
            return Verdict(False, f"cannot be asked: {error or type(error).__name__}")

    def _look(self):
        self.connection = self.connection or self.connect()
        return self.ask()

    def close(self):
        """Drop the connection, whatever state it is in."""
        connection, self.connection = self.connection, None
        if connection is not None:
            try:
                connection.close()
            except Exception as error:
                print(f"closing a broken connection: {error}", file=sys.stderr)


class GaleraProbe(Probe):
    """
    Asks MariaDB on its extra port, which answers when max_connections are in use.

    SHOW needs no grant, and is answered where the node has lost its Primary Component.
    """

    QUERIES = (
        "SHOW GLOBAL STATUS WHERE Variable_name IN "
        "('wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state')",
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('read_only', 'wsrep_reject_queries')",
    )

    def connect(self):
        # Here, not above: a node without the package still tells what is wrong with it.
        import pymysql

        timeout = self.options["timeout"]
        return pymysql.connect(
            host=self.options["host"],
            port=self.options["port"],
            user=self.options["user"],
            password=password(self.options),
            connect_timeout=timeout,
            read_timeout=timeout,
            write_timeout=timeout,
            autocommit=True,
        )

    def ask(self):
        facts = {}
        with self.connection.cursor() as cursor:
            for query in self.QUERIES:
                cursor.execute(query)
                facts.update((name.lower(), value) for name, value in cursor.fetchall())
        return galera_verdict(facts, self.options["available_when_donor"])

    def close(self):
        # close() would say goodbye to a server that may hang.
        if self.connection is not None:
            self.connection._force_close()
            self.connection = None


class RabbitmqProbe(Probe):
    """Asks the management API on the node's own address, and knocks at the AMQP port."""

    COLUMNS = "running,partitions,mem_alarm,disk_free_alarm,being_drained"

    def connect(self):
        return http.client.HTTPConnection(
            self.options["host"], self.options["port"], timeout=self.options["timeout"]
        )

    def ask(self):
        # A drained node has closed the port before its figures say so. RabbitMQ takes a
        # connection that closes without a byte for a load balancer's, and logs no warning.
        amqp = (self.options["host"], self.options["amqp_port"])
        socket.create_connection(amqp, self.options["timeout"]).close()
        # The node's figures are collected every 5 s; its alarms are asked for as they are now.
        alarms = self._get("/api/health/checks/local-alarms", (200, 503))
        if alarms.get("status") != "ok":
            return Verdict(False, alarms.get("reason", "alarms in effect"))
        return rabbitmq_verdict(
            self._get(f"/api/nodes/{self.options['node']}?columns={self.COLUMNS}", (200,))
        )

    def _get(self, path, wanted):
        login = f"{self.options['user']}:{password(self.options)}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
        self.connection.request("GET", path, headers=headers)
        response = self.connection.getresponse()
        body = response.read()
        if response.status not in wanted:
            raise OSError(f"{path.partition('?')[0]} answers {response.status} {response.reason}")
        return json.loads(body)


PROBES = {"galera": GaleraProbe, "rabbitmq": RabbitmqProbe}


def password(options):
    """Read the password when it is needed, so that no other place holds it."""
    return pathlib.Path(options["password_file"]).read_text(encoding="utf-8").strip()


class Check:
    """What the callers of one service get: maintenance, a fresh verdict, or a bounded wait."""

    def __init__(self, name, look, options):
        self.name = name
        self.maintenance = pathlib.Path(options["maintenance"])
        self.cache = options["cache"]
        self.limit = options["limit"]
        self.patience = options["patience"]
        self._look = look
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=name)
        self._running = None
        self._verdict = None
        self._looked = float("-inf")
        self._said = None

    async def verdict(self):
        """
        Return the verdict within ``limit`` seconds, whatever the service does.

        One that was good and is late stays good for ``patience`` seconds: where all controllers
        are busy, all are late, and to send everybody away would cut each connection there is.
        """
        verdict = await self._judge()
        if self._said is None or verdict.good != self._said.good:
            print(f"{self.name}: {'good' if verdict.good else 'bad'}: {verdict.reason}", flush=True)
        self._said = verdict
        return verdict

    async def _judge(self):
        if self.maintenance.exists():
            return Verdict(False, f"maintenance: {self.maintenance} exists")
        if time.monotonic() - self._looked < self.cache:
            return self._verdict
        if self._running is None:
            self._running = asyncio.ensure_future(self._refresh())
        # wait() leaves the look under way: the next caller shares it instead of starting one.
        done, _ = await asyncio.wait({self._running}, timeout=self.limit)
        if done:
            return self._verdict
        late = time.monotonic() - self._looked
        if self._verdict is not None and self._verdict.good and late < self.patience:
            return self._verdict
        waited = self.limit if self._verdict is None else self.patience
        return Verdict(False, f"no answer within {waited} s")

    async def _refresh(self):
        loop = asyncio.get_running_loop()
        try:
            self._verdict = await loop.run_in_executor(self._thread, self._look)
            self._looked = time.monotonic()
        finally:
            self._running = None


async def answer(check, reader, writer):
    """Serve one HTTP request and close."""
    try:
        request = asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), REQUEST_TIMEOUT)
        method = (await request).split(b" ", 1)[0]
        writer.write(await respond(check, method))
        await asyncio.wait_for(writer.drain(), REQUEST_TIMEOUT)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError):
        # A caller that went away or never asked; nobody is left to tell.
        pass
    finally:
        writer.close()


async def respond(check, method):
    """Build the response to one request."""
    if method not in (b"GET", b"HEAD", b"OPTIONS"):
        return response("405 Method Not Allowed", "GET, HEAD or OPTIONS", method)
    verdict = await check.verdict()
    status = "200 OK" if verdict.good else "503 Service Unavailable"
    return response(status, f"{check.name}: {verdict.reason}", method)


def response(status, text, method):
    """Build an HTTP response with a line of text."""
    body = f"{text}\n".encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == b"HEAD" else body)


def systemd_sockets():
    """Return the listening sockets that systemd handed over, by FileDescriptorName=."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise SystemExit("no sockets: this daemon is started by its systemd sockets")
    names = os.environ["LISTEN_FDNAMES"].split(":")
    return {
        name: socket.socket(fileno=FIRST_SYSTEMD_SOCKET + index) for index, name in enumerate(names)
    }


def notify_ready():
    """Tell systemd that the daemon answers (Type=notify)."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.connect(f"\0{path[1:]}" if path.startswith("@") else path)
            peer.sendall(b"READY=1")


async def serve(config, sockets):
    """Answer until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    for name, listener in sockets.items():
        check = Check(name, PROBES[name](config[name]).look, config[name])
        await asyncio.start_server(
            lambda reader, writer, check=check: answer(check, reader, writer),
            sock=listener,
            limit=REQUEST_LIMIT,
        )
    notify_ready()
    await stop.wait()


def main(arguments=None):
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description="Health of this node's services for HAProxy")
    parser.add_argument("--config", default=CONFIG)
    parser.add_argument("--once", choices=sorted(PROBES), help="look once and say why")
    options = parser.parse_args(arguments)
    config = json.loads(pathlib.Path(options.config).read_text(encoding="utf-8"))
    if not options.once:
        asyncio.run(serve(config, systemd_sockets()))
        return 0
    own = config[options.once]
    check = Check(options.once, PROBES[options.once](own).look, own)
    return 0 if asyncio.run(check.verdict()).good else 1


if __name__ == "__main__":
    # Not sys.exit: it would wait for a thread that may hang in a look.
    status = main()
    sys.stdout.flush()
    os._exit(status)
