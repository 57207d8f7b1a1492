"""For every tier."""

import logging

import pytest
from tiers import FIGURE

# Salt's handlers write once more when the interpreter ends and pytest has closed their stream.
logging.raiseExceptions = False


@pytest.fixture
def figure(record_property):
    """Return a function that keeps a figure of this run, by its name, for docs/verified.md."""

    def keep(name, value):
        record_property(f"{FIGURE}{name}", value)

    return keep
