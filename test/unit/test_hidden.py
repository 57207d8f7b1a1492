"""What is told of a changed file, and what is not."""

import openstack_ha_hidden as hidden
import pytest

BEFORE = "global\n  maxconn 1000\n  user admin insecure-password 'old one'\n"


def test_lines_that_differ_are_told():
    told = hidden.diff(BEFORE, BEFORE.replace("1000", "1234"))
    assert "-  maxconn 1000\n+  maxconn 1234" in told
    assert "old one" not in told and hidden.HIDDEN in told


def test_a_changed_secret_is_said_to_differ_and_no_more():
    told = hidden.diff(BEFORE, BEFORE.replace("old one", "new one"))
    assert told == "only lines differ that are not shown, as they have secrets"
    assert hidden.diff(BEFORE, BEFORE) == ""


@pytest.mark.parametrize(
    "line",
    [
        "SECRET_KEY = 'tell-tale'",
        "stats auth admin:tell-tale",
        "  http-request set-header X-Token tell-tale",
        "option httpchk GET http://somebody:tell-tale@host/",
        "ssl_private = tell-tale",
    ],
)
def test_a_line_that_the_formula_does_not_write_any_more_is_hidden_too(line):
    told = hidden.diff(BEFORE + line + "\n", BEFORE)
    assert "tell-tale" not in told and f"-{hidden.HIDDEN}" in told
