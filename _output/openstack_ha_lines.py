"""
Show lines and tables within the columns of a terminal: what the other outputters here end with.

Salt gives an outputter no utils, but the other outputters.
"""

import re
import textwrap

__virtualname__ = "openstack_ha_lines"

WIDTH = 100
# A command, and what stands in it for a space where lines are broken.
CODE = re.compile(r"`[^`]+`")
GLUE = "\0"


def __virtual__():
    return __virtualname__


def output(data, **kwargs):
    """
    Return the lines, the long ones broken and indented. Commands stay whole, so that they can be
    copied.

    data
        A list of lines and of tables; a table is a list of rows, each a tuple of cells, of which
        the first has the headings.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha.check
    """
    shown = (_table(one) if isinstance(one, list) else _wrapped(one) for one in data)
    return "\n".join(line for lines in shown for line in lines)


def _table(rows):
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return [line.rstrip() for line in lines]


def _wrapped(line):
    indent = " " * (len(line) - len(line.lstrip()) + 4)
    whole = CODE.sub(lambda found: found[0].replace(" ", GLUE), line)
    lines = textwrap.wrap(
        whole, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return [one.replace(GLUE, " ") for one in lines] or [""]
