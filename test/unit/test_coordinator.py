"""The one loop: what it does when a step fails, changes nothing, or rests on an error."""

import openstack_ha_rule
import openstack_ha_systems
import pytest
from runners import Master
from salt.exceptions import CommandExecutionError, SaltRunnerError
from test_galera_runner import CONTROLLERS, Server, Servers

ANSWER, BY_HAND, PLAN = (
    f"openstack_ha_coordinator.{name}" for name in ("answer", "by_hand", "plan")
)
ROUND = ("demo", "galera")


class Stubborn(Servers):
    """Servers that are restarted and stay outdated; ``broken_start`` is what a restart says."""

    has_effect = False

    def restart(self, node):
        return super().restart(node) if self.has_effect else {}


@pytest.fixture
def outdated(tmp_path):
    servers = [Server().run(), Server(is_outdated=True).run(), Server().run()]
    return Master(tmp_path, Stubborn(*servers))


def verdicts(master, function=ANSWER):
    return [one["verdict"] for one in master.run(function, *ROUND)]


def restarts(master):
    return [nodes for nodes, step in master.orders("galera") if step == "restart"]


def test_a_step_that_changes_nothing_becomes_a_refusal_with_its_way_out(outdated):
    assert verdicts(outdated) == ["restart", "wait"]
    outdated.clock.now += openstack_ha_rule.SHOWING
    (refusal,) = outdated.run(ANSWER, *ROUND)
    assert refusal["verdict"] == "refuse"
    assert "restart of ctl2 was done, and has changed nothing (1 times)" in refusal["why"]
    assert "lost-node.md, 'A step changes nothing'" in refusal["way_out"]
    assert "`salt-run openstack_ha_coordinator.by_hand demo galera`" in refusal["way_out"]
    assert outdated.record("demo.galera")["decision"] == refusal
    assert outdated.run(PLAN, *ROUND)["data"]["decisions"] == [refusal]
    assert restarts(outdated) == [("ctl2",)]


def test_it_is_taken_again_ever_more_rarely(outdated):
    begin, at = outdated.clock.now, []
    while outdated.clock.now - begin < 4 * openstack_ha_rule.LONGEST_PAUSE:
        count = len(restarts(outdated))
        outdated.run(ANSWER, *ROUND)
        if len(restarts(outdated)) > count:
            at.append(outdated.clock.now)
        outdated.clock.now += 60
    pauses = [later - earlier for earlier, later in zip(at, at[1:], strict=False)]
    assert pauses[:3] == [60, 120, 240]
    assert max(pauses) == openstack_ha_rule.LONGEST_PAUSE
    assert pauses == sorted(pauses)


def test_a_person_has_it_done_at_once(outdated):
    verdicts(outdated)
    outdated.nodes.has_effect = True
    assert verdicts(outdated) == ["wait"]
    assert verdicts(outdated, BY_HAND) == ["restart", "settled"]
    assert len(restarts(outdated)) == 2


def test_what_has_helped_is_done_at_once_when_it_is_needed_again(outdated):
    outdated.nodes.has_effect = True
    for _ in range(3):
        assert verdicts(outdated) == ["restart", "settled"]
        outdated.nodes.of["ctl2"].facts["is_outdated"] = True


class Slow(Servers):
    """Servers that look for one another until the third look, each of which takes a while."""

    took, clock = 0, None

    def evidence(self, node):
        if node == CONTROLLERS[0]:
            self.clock.now += self.took
        return super().evidence(node)


@pytest.mark.parametrize(("took", "pause"), [(0.5, 2), (2.5, 2.5), (30, 3)])
def test_the_pause_is_as_long_as_a_look_within_bounds(tmp_path, took, pause):
    of = Master(tmp_path, Slow(*(Server().run(status="non-Primary") for _ in CONTROLLERS)))
    of.nodes.took, of.nodes.clock = took, of.clock
    of.nodes.at_look[2] = lambda: [one.run() for one in of.nodes.of.values()]
    assert verdicts(of) == ["wait", "settled"]
    assert of.clock.slept == [pause]


def test_a_clock_that_is_set_holds_nothing_up(outdated):
    verdicts(outdated)
    outdated.clock.now -= 3600
    assert verdicts(outdated)[0] == "restart"


def test_a_step_that_fails_is_told_with_its_reason(tmp_path):
    master = Master(tmp_path, Servers(Server().run(), Server().run(), Server()))
    words = []

    def hear(node, function, arguments, answer=master.nodes.answer):
        if function == "openstack_ha_word.hear":
            words.append((node, arguments["verdict"], arguments["why"]))
        return answer(node, function, arguments)

    master.nodes.answer = hear
    master.nodes.broken = {"ctl3"}
    assert verdicts(master) == ["join"]
    assert words[-1][:2] == ("ctl3", "wait")
    assert words[-1][2].endswith("join failed: ctl3: ctl3 has no room")
    assert master.record("demo.galera")["failures"] == {"ctl3": "ctl3 has no room"}
    with pytest.raises(SaltRunnerError, match="join failed: ctl3: ctl3 has no room"):
        master.run(BY_HAND, *ROUND)
    master.nodes.broken = set()
    assert verdicts(master) == ["join", "settled"]
    assert "failures" not in master.record("demo.galera")


def test_an_error_is_no_silence_and_its_text_is_told(tmp_path):
    master = Master(tmp_path, Servers(*(Server("a", 5) for _ in CONTROLLERS)))

    def failing(node, evidence=master.nodes.evidence):
        if node == "ctl2":
            raise CommandExecutionError("no space left on device")
        return evidence(node)

    master.nodes.evidence = failing
    (decision,) = master.run(ANSWER, *ROUND)
    assert decision["verdict"] == "wait"
    why = "ctl2 answered with an error (no space left on device), and could know better"
    assert decision["why"] == why
    master.clock.now += 300
    (decision,) = master.run(ANSWER, *ROUND)
    assert (decision["verdict"], decision["why"]) == ("refuse", why)
    assert (
        "'A node answers with an error': `salt ctl2 openstack_ha_galera.evidence`"
        in (decision["way_out"])
    )


@pytest.mark.parametrize("function", [ANSWER, BY_HAND, PLAN])
def test_what_is_no_coordinated_system_is_named(tmp_path, function):
    master = Master(tmp_path, Servers(Server(), Server(), Server()))
    known = ", ".join(openstack_ha_systems.coordinated())
    with pytest.raises(SaltRunnerError, match=f"'haproxy' is no .*; these are: {known}"):
        master.run(function, "demo", "haproxy")
    with pytest.raises(SaltRunnerError, match="there is no cluster 'other'"):
        master.run(function, "other", "galera")
    assert master.sent == []
