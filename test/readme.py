"""What the README has a person do, in its order: files to write, and commands."""

import re
import textwrap

from support import ROOT

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (/\S+)\n(.*)", re.DOTALL)
COMMENT = re.compile(r"\s+# .*")


def steps(*headings):
    """
    Return the steps of sections: ``("file", path, text)`` or ``("commands", line, ..)``.

    headings
        Of the README, without their signs.
    """
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = []
    for heading in headings:
        _, _, section = text.partition(f" {heading}\n")
        for _indent, language, indented in BLOCK.findall(re.split(r"^##", section, flags=re.M)[0]):
            block = textwrap.dedent(indented)
            if language == "yaml":
                found.append(("file", *FILE.fullmatch(block).groups()))
            else:
                lines = [COMMENT.sub("", line) for line in block.splitlines() if line.strip()]
                found.append(("commands", *lines))
    return found
