"""Keystone's objects: one controller's, through a helper that gets its secrets by a pipe."""

import json
import subprocess
import types

import pytest
from runners import load
from salt.exceptions import CommandExecutionError

SECRET = "the-password-of-all"


@pytest.fixture
def identity(tmp_path):
    module = load("_modules", "openstack_ha_identity", __opts__={"id": "ctl1"})
    module.PROGRAM = str(tmp_path / "helper")
    (tmp_path / "helper").touch()
    module.word, module.asked, module.answers = None, [], []

    def run(argv, input, timeout, env, **options):
        assert timeout
        assert SECRET not in repr((argv, env))
        module.asked.append(json.loads(input))
        answer = module.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    module.subprocess = types.SimpleNamespace(run=run, TimeoutExpired=subprocess.TimeoutExpired)
    module.__salt__ = {
        "openstack_ha_word.last": lambda system: module.word,
        "openstack_ha.secret": lambda path: SECRET,
        "openstack_ha.view": lambda: {},
        "openstack_ha_keystone.clients": lambda: {"auth_url": "https://vip:5000"},
    }
    module.differs = [[{"kind": "user"}], []]

    def diff(should, found, fits, prune):
        assert fits == {("default", "nova"): True}
        return module.differs.pop(0)

    module.__utils__ = {
        "openstack_ha_cluster.all_systems": lambda view: [],
        "openstack_ha_identity.wanted": lambda view, systems: {"user": [("default", "nova")]},
        "openstack_ha_identity.known": lambda lists: lists,
        "openstack_ha_identity.diff": diff,
        "openstack_ha_identity.requests": lambda changes, found: [
            {"user": ["default", "nova"], "body": {"user": {}}, "method": "POST", "path": "/users"}
            for _ in changes
        ],
    }
    return module


def done(**content):
    return subprocess.CompletedProcess([], 0, json.dumps(content), "")


READ = {"lists": {}, "passwords": [["default", "nova", True]]}


@pytest.mark.parametrize(
    ("word", "expected"),
    [(None, None), ({"owner": None}, None), ({"owner": "ctl2"}, False), ({"owner": "ctl1"}, True)],
)
def test_one_controller_is_named(identity, word, expected):
    identity.word = word
    assert identity.is_owner() is expected


def test_passwords_go_through_a_pipe_and_the_outcome_is_read_again(identity):
    identity.answers = [done(**READ), done(refused=[]), done(**READ)]
    assert identity.apply() == []
    assert [one["do"] for one in identity.asked] == ["read", "send", "read"]
    assert identity.asked[1]["requests"][0]["body"] == {"user": {"password": SECRET}}


def test_what_still_differs_is_returned(identity):
    identity.differs = [["a"], ["a"], ["a"], ["a"], ["a"]]
    identity.answers = [done(**READ), *[done(refused=[]), done(**READ)] * 4]
    assert identity.apply() == ["a"]


def test_a_refusal_is_told(identity):
    identity.answers = [done(**READ), done(refused=["POST /users: 409"]), done(**READ)]
    with pytest.raises(CommandExecutionError, match="Keystone refused: POST /users: 409"):
        identity.apply()


FAILURES = {
    "it hangs": (subprocess.TimeoutExpired("x", 1), "did not end within"),
    "it fails": (subprocess.CompletedProcess([], 1, "", "a\nno module"), "ended with 1: no module"),
    "Keystone fails": (done(error="401"), "did not do as asked: 401.*openstack_ha_keystone.boot"),
}


@pytest.mark.parametrize(("answer", "why"), FAILURES.values(), ids=FAILURES)
def test_a_failure_names_its_reason_and_no_secret(identity, answer, why):
    identity.answers = [answer]
    with pytest.raises(CommandExecutionError, match=why) as told:
        identity.pending()
    assert SECRET not in str(told.value)


def test_a_helper_that_is_missing_is_named(identity, tmp_path):
    (tmp_path / "helper").unlink()
    with pytest.raises(CommandExecutionError, match="helper is missing; apply openstack_ha"):
        identity.pending()
