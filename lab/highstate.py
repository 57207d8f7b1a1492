"""A highstate: its progress on the screen, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .events import Listener
from .salt import LONGEST_JOB, Master

PROGRESS_EVENTS = "salt/job/*/prog/*"


def state_name(key: str) -> str:
    """Return the id of a state from its key in a return, `module_|-id_|-name_|-function`."""
    return key.split("_|-")[1] if "_|-" in key else key


def failures(returns: Mapping, expected: Iterable[str]) -> dict[str, list[str]]:
    """Return what went wrong by minion; a minion without states has failed as a whole."""
    found = {}
    for minion in sorted({*expected, *returns}):
        states = returns.get(minion, "did not answer")
        if isinstance(states, Mapping) and states:
            wrong = [
                f"{state_name(key)}: {state.get('comment', '')}"
                for key, state in states.items()
                if state["result"] is False
            ]
        else:
            wrong = [str(line) for line in (states if isinstance(states, list) else [states])]
        if wrong:
            found[minion] = wrong
    return found


def changes(returns: Mapping) -> dict[str, list[str]]:
    """Return the states that changed something, or would under test=True, by minion."""
    found = {}
    for minion, states in sorted(returns.items()):
        if isinstance(states, Mapping):
            changed = [
                state_name(key)
                for key, state in states.items()
                if state.get("changes") or state["result"] is None
            ]
            if changed:
                found[minion] = changed
    return found


class Board:
    """One line a minion: how far it is, and the state that has just ended."""

    def __init__(self, console: Console):
        self.console = console
        self.tasks: dict[str, int] = {}
        self.progress = Progress(
            TextColumn("{task.fields[minion]:<12}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=console,
        )

    def hear(self, tag: str, event: Mapping) -> None:
        """Take in one progress event: `salt/job/<jid>/prog/<minion>/<number>`."""
        minion = tag.split("/")[4]
        data = event.get("data", {})
        state = data.get("ret", {})
        name = str(state.get("__id__", ""))
        if minion not in self.tasks:
            self.tasks[minion] = self.progress.add_task("", total=None, minion=minion)
        task = self.tasks[minion]
        self.progress.update(task, total=data.get("len"), description=name)
        self.progress.advance(task)
        if state.get("result") is False:
            line = f"{minion}: {name}: {state.get('comment', '')}"
            self.console.print(line, style="red", markup=False)
        elif not self.console.is_terminal and state.get("changes"):
            self.console.print(f"{minion}: {name}")


def run(master: Master, target: str, test: bool, console: Console | None) -> dict:
    """Run a highstate on `target` and return its returns by minion; quiet without a console.

    A minion on a busy machine may be too slow to say that it still works, so those that answer
    before the run are waited for as long as it may take.
    """
    awake = ",".join(master.answering(target))
    if not awake:
        return {}
    options = {"test": True} if test else {}
    board = Board(console or Console(quiet=True))
    with Listener(master.host, PROGRESS_EVENTS, board.hear), board.progress:
        return master.salt(awake, "state.highstate", patience=LONGEST_JOB, **options)
