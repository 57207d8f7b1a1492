"""What is told when a service's configuration file changes, and what is not."""

import collections
import json

import openstack_ha_option_file as option_file
import pytest
from runners import load

BEFORE = """# Written by Salt
[DEFAULT]
debug = False
transport_url = rabbit://openstack:old-secret@10.0.0.1:5672/
; by hand
odd: by hand
  and on
[database]
connection = mysql+pymysql://glance:old-secret@10.0.0.1/glance
max_retries = -1
[plugin]
api_key = old-secret
endpoint = https://admin:old-secret@example.org/
urls = https://a.example.org/
urls = https://b.example.org/
"""
AFTER = {
    "DEFAULT": {
        "debug": True,
        "transport_url": ["rabbit://", {"secret": "rabbitmq:openstack"}, "/"],
    },
    "database": {
        "connection": ["mysql+pymysql://glance:", {"secret": "galera:glance"}, "@vip/glance"],
        "max_retries": -1,
    },
    "plugin": {
        "api_key": "in-the-clear",
        "endpoint": "https://example.org/",
        "urls": {"each": ["https://a.example.org/", [{"secret": "a:page"}]]},
        "region": "one",
    },
}


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict])
def test_what_a_file_says_otherwise_is_told_without_a_secret(kind):
    file = json.loads(json.dumps(AFTER), object_pairs_hook=kind)
    after = option_file.text("x", file, lambda path: f"new-secret of {path}")
    found = option_file.changes(BEFORE, after, file)
    hidden = "(not shown)"
    assert found == {
        "[DEFAULT] debug": {"old": "False", "new": "True"},
        "[DEFAULT] transport_url": {"old": hidden, "new": hidden},
        "[DEFAULT] odd": {"old": hidden, "new": None},
        "[database] connection": {"old": hidden, "new": hidden},
        "[plugin] api_key": {"old": hidden, "new": hidden},
        "[plugin] endpoint": {"old": hidden, "new": hidden},
        "[plugin] urls": {"old": hidden, "new": hidden},
        "[plugin] region": {"old": None, "new": "one"},
    }
    assert "secret" not in str(found)


def test_a_file_in_another_form_is_told_too():
    file = {"one": {"key": ["a", "b"], "several": {"each": ["c", "d"]}}}
    text = option_file.text("x", file, None)
    assert option_file.changes(text, text, file) == {}
    assert option_file.changes(text.replace(" = ", "="), text, file) == {
        "lines": {"old": "in another form", "new": "as the formula writes them"}
    }
    assert option_file.changes(text.replace("several = d\n", ""), text, file) == {
        "[one] several": {"old": "c", "new": ["c", "d"]}
    }


@pytest.fixture
def written(tmp_path):
    """A function that has the state write a file, and what Salt's own was asked for."""

    def call(file, before=None, diff="<show_changes=False>"):
        path = tmp_path / "x.conf"
        if before is not None:
            path.write_text(before, encoding="utf-8")
        asked = []

        def managed(name, **more):
            asked.append(more)
            return {"name": name, "result": None, "comment": "", "changes": {"diff": diff}}

        state = load(
            "_states",
            "openstack_ha_options",
            __states__={"file.managed": managed},
            __salt__={"openstack_ha.secret": lambda path: f"<{path}>", "its.file": lambda: file},
            __utils__={
                "openstack_ha_option_file.text": option_file.text,
                "openstack_ha_option_file.changes": option_file.changes,
            },
        )
        return state.written(str(path), "x", "glance", "its.file"), asked[0]

    return call


def test_a_state_tells_by_option_what_salt_would_write(written):
    file = {"one": {"key": 2, "password": [{"secret": "a:b"}]}}
    done, asked = written(file, "[one]\nkey = 1\npassword = old\n")
    assert done["changes"] == {
        "[one] key": {"old": "1", "new": "2"},
        "[one] password": {"old": "(not shown)", "new": "(not shown)"},
    }
    assert asked["contents"].endswith("[one]\nkey = 2\npassword = <a:b>\n")
    assert (asked["show_changes"], asked["mode"]) == (False, "0640")


def test_a_new_file_is_told_as_salt_tells_it(written):
    done, _asked = written({"one": {"key": 2}}, diff="New file")
    assert done["changes"] == {"diff": "New file"}
