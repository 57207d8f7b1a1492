"""
Salt's commands without the seconds of a core in which each of them reads Salt.

A server of multiprocessing has read it, and forks: what then runs is the command itself, in a
process of its own, with its own arguments, output and exit code.
"""

import concurrent.futures
import multiprocessing
import os
import sys
import tempfile
from multiprocessing.connection import wait

from pytestshellutils.utils.processes import ProcessResult
from saltfactories.cli.call import SaltCall
from saltfactories.cli.key import SaltKey
from saltfactories.cli.run import SaltRun
from saltfactories.cli.salt import Salt
from saltfactories.daemons.master import SaltMaster
from saltfactories.daemons.minion import SaltMinion

# What a command would read: the commands' own modules first.
READ = (
    "__main__",
    *(f"salt.cli.{name}" for name in ("call", "caller", "key", "run", "salt")),
    *(f"salt.{name}" for name in ("channel.client", "client", "crypt", "key", "loader", "minion")),
    *(f"salt.{name}" for name in ("output", "pillar", "runner", "scripts", "state", "wheel")),
    *(f"salt.{name}" for name in ("transport.tcp", "transport.zeromq", "utils.event")),
)
# Seconds after which a command is taken for one that hangs.
PATIENCE = 600
KILLED = -9

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(list(READ))


def command(entry, argv, outputs, says):
    """Be the command: in a process of its own, which says its exit code at last."""
    import salt.scripts

    for number, path in enumerate(outputs, 1):
        file = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    sys.argv = argv
    code = 0
    try:
        getattr(salt.scripts, entry)()
    except SystemExit as end:
        code = end.code or 0
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    says.send(code)


class Forked:
    """One of the factories' command lines, as a fork."""

    ENTRY = None

    def run(self, *arguments, **more):
        self.impl._terminal_timeout = PATIENCE
        argv = self.cmdline(*arguments, **more)
        with tempfile.NamedTemporaryFile() as out, tempfile.NamedTemporaryFile() as err:
            hears, says = CONTEXT.Pipe(duplex=False)
            names = (out.name, err.name)
            # Without the interpreter that would read its script.
            own = argv[1:] if argv[0] == self.python_executable else argv
            process = CONTEXT.Process(target=command, args=(self.ENTRY, own, names, says))
            process.start()
            says.close()
            has_ended = wait([process.sentinel], PATIENCE)
            if not has_ended:
                process.kill()
            code = _heard(hears) if has_ended else KILLED
            texts = [file.read().decode(errors="replace") for file in (out, err)]
        assert has_ended, f"{argv} did not end within {PATIENCE} s; it had printed {texts}"
        stdout, stderr, data = self.process_output(*texts, cmdline=argv)
        return ProcessResult(returncode=code, stdout=stdout, stderr=stderr, data=data, cmdline=argv)


def _heard(pipe):
    """The exit code; of one that was killed there is nothing."""
    try:
        return pipe.recv() if pipe.poll() else KILLED
    except EOFError:
        return KILLED


class ForkedSalt(Forked, Salt):
    ENTRY = "salt_main"


class ForkedRun(Forked, SaltRun):
    ENTRY = "salt_run"


class ForkedCall(Forked, SaltCall):
    ENTRY = "salt_call"


class ForkedKey(Forked, SaltKey):
    ENTRY = "salt_key"


class Master(SaltMaster):
    """A master whose commands are forks."""

    def salt_cli(self, **more):
        return super().salt_cli(factory_class=ForkedSalt, timeout=PATIENCE, **more)

    def salt_run_cli(self, **more):
        return super().salt_run_cli(factory_class=ForkedRun, timeout=PATIENCE, **more)

    def salt_key_cli(self, **more):
        return super().salt_key_cli(factory_class=ForkedKey, **more)


class Minion(SaltMinion):
    """A minion whose command is a fork."""

    def salt_call_cli(self, **more):
        return super().salt_call_cli(factory_class=ForkedCall, timeout=PATIENCE, **more)


def start_all(minions):
    """Start minions at the same time."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for started in [pool.submit(minion.start) for minion in minions]:
            started.result()
