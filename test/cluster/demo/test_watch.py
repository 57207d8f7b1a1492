"""
What people see while a state waits for the master's word, and what a changed cluster file means.

ctl3 is dead, so the master's word is to wait, and the state that waits for it ends in vain.
"""

import json
import pathlib
import re
import signal
import subprocess

import pytest
import yaml
from support import await_until, write_cluster

APPLIED = pathlib.Path("/var/lib/openstack_ha/applied")
WAITS = """
waits_in_vain:
  openstack_ha_galera.member_present:
    - name: demo
    - patience: 75
"""
SOON = 300


@pytest.fixture
def watch(master, tmp_path):
    """Return a function that begins a watch; what it has printed is in ``text()``."""
    begun = []

    def begin(*words):
        line = master.salt_run_cli().cmdline("openstack_ha.watch", "demo", *words)
        argv = [word for word in line if not word.startswith("--out")]
        path = tmp_path / f"watch{len(begun)}"
        with path.open("w") as out:
            process = subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT)
        process.text = lambda: path.read_text(encoding="utf-8")
        begun.append(process)
        await_until(process.text, SOON, "the first line of the watch")
        return process

    yield begin
    for process in begun:
        process.kill()
        process.wait(timeout=SOON)


@pytest.fixture
def waits_in_vain(formula, ask, controllers):
    """Return a function that has ctl1 apply a state that waits for more than a minute."""
    path = formula / "waits_in_vain.sls"
    path.write_text(WAITS, encoding="utf-8")
    yield lambda: ask("ctl1", "state.apply", "waits_in_vain")
    path.unlink()


@pytest.mark.usefixtures("first_look")
def test_a_wait_is_told_on_the_screen_and_in_the_minions_log(
    watch, waits_in_vain, controllers, answered
):
    answered("galera", "demo")
    shown = watch()
    assert "galera: wait: ctl3 did not answer" in shown.text()
    (state,) = waits_in_vain().values()
    assert state["result"] is False, state
    ends = "ctl1: state.apply ended after"
    await_until(lambda: ends in shown.text(), SOON, "the end of the run", shown.text)
    lines = [line.strip() for line in shown.text().splitlines()]
    for text in (
        "ctl1: state.apply waits_in_vain begins",
        "ctl1 waits for the master's word about galera: ",
        # Every 15 s; on a busy host a look at the server alone may take as long.
        r"ctl1 waits for the master's word about galera for \d\d s: ",
        r"ctl1: 1 of 1, waits_in_vain FAILED: After \d\d s ",
        f"{ends} ",
    ):
        assert [line for line in lines if re.search(text, line)], shown.text()
    log = pathlib.Path(controllers[0].config["log_file"]).read_text(encoding="utf-8")
    told = [line for line in log.splitlines() if "galera: waits for the master's word for" in line]
    assert [line for line in told if "WARNING" in line and re.search(r" for \d\d s: ", line)], told
    # A person has seen enough.
    shown.send_signal(signal.SIGINT)
    assert shown.wait(timeout=SOON) == 0, shown.text()
    assert "watched demo for" in shown.text()
    assert "Traceback" not in shown.text()


@pytest.mark.usefixtures("controllers")
def test_a_watch_ends_when_its_time_is_over(watch):
    shown = watch("timeout=2")
    assert shown.wait(timeout=SOON) == 0, shown.text()
    assert "watched demo for" in shown.text()
    assert "Traceback" not in shown.text()


@pytest.fixture
def applied(ask, controllers):
    """Both nodes have applied the cluster file as it is; they share this host, and so the mark."""
    ask("ctl*", "saltutil.refresh_pillar", "wait=True")
    versions = set(ask("ctl*", "config.get", "openstack_ha:version").values())
    assert len(versions) == 1
    APPLIED.parent.mkdir(parents=True, exist_ok=True)
    APPLIED.write_text(f"{versions.pop()}\n", encoding="utf-8")
    yield
    APPLIED.unlink()


@pytest.fixture
def changed(cluster_files):
    """Galera has other limits in demo's cluster file."""
    path = cluster_files["demo"]
    good = path.read_text(encoding="utf-8")
    cluster = yaml.safe_load(good)["openstack_ha"]
    cluster["galera"]["max_connections"] = 500
    write_cluster(path, cluster)
    yield
    path.write_text(good, encoding="utf-8")


def difference(master, *more):
    line = master.salt_run_cli().cmdline("openstack_ha.diff", "demo")
    argv = [word for word in line if not word.startswith("--out")]
    return subprocess.run([*argv, *more], capture_output=True, text=True, check=False)


def test_a_file_that_was_not_changed_differs_in_nothing(master, applied):
    result = difference(master)
    # ctl3 does not say.
    assert result.returncode == 1, result
    assert result.stdout.startswith("demo: nothing differs on the nodes that can be compared\n")
    assert "ctl3: cannot be compared, did not answer" in result.stdout


def test_a_changed_file_is_told_before_it_is_applied(master, applied, changed):
    result = difference(master)
    assert result.returncode == 2, result
    assert "  galera\n    max_connections: 4096 -> 500\n" in result.stdout, result
    assert "galera restarts, one member at a time" in result.stdout
    data = json.loads(difference(master, "--out=json").stdout)
    (option,) = data["options"]
    assert (option["old"], option["new"], option["nodes"]) == (4096, 500, ["ctl1", "ctl2"])
