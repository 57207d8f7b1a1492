"""For every tier."""

import logging

# Salt's handlers write once more when the interpreter ends and pytest has closed their stream.
logging.raiseExceptions = False
