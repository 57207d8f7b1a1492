"""
What a runner raises, as people read it: one text, and the exit code 1.

Salt prints a traceback for whatever a runner raises, but for one kind of error, of which it shows
the text alone; and it shows wrong arguments with the exit code 0. So each runner's public functions
are guarded where Salt's loader loads it, by its ``__init__``. Whoever calls one from another runner
catches SaltRunnerError as before.
"""

import functools
import inspect
import logging

import salt.exceptions

log = logging.getLogger(__name__)


class CommandError(salt.exceptions.SaltRunnerError, salt.exceptions.NotImplemented):
    """An error of which Salt shows the text alone."""


def guard(module):
    """
    Guard the public functions of a runner, so that their errors reach people as one text.

    module
        The runner's globals.
    """
    name = module["__virtualname__"]
    for key, function in list(module.items()):
        is_own = inspect.isfunction(function) and function.__module__ == module["__name__"]
        if is_own and not key.startswith("_"):
            module[key] = _guarded(f"{name}.{key}", function)


def _guarded(name, function):
    signature = inspect.signature(function)

    @functools.wraps(function)
    def run(*args, **kwargs):
        try:
            signature.bind(*args, **kwargs)
        except TypeError as exc:
            raise CommandError(f"{name}: {exc}; `salt-run -d {name}` explains it") from exc
        try:
            return function(*args, **kwargs)
        except CommandError:
            raise
        except salt.exceptions.SaltException as exc:
            raise CommandError(str(exc)) from exc
        except Exception as exc:
            # A fault of the formula's: the text says how to see where.
            log.error("openstack_ha: %s failed", name, exc_info_on_loglevel=logging.DEBUG)
            raise CommandError(
                f"{name} failed by a fault of its own, {type(exc).__name__}: {exc}; "
                f"`salt-run --log-level=debug {name}` with the same arguments shows where"
            ) from exc

    return run
