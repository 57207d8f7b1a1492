"""
What the formula compiles to, as text, so that no change of it goes unseen.

    RENDER_REFERENCE=write .venv/bin/python -m pytest test/render

writes the folder ``reference`` anew; the difference is then read like any other.
"""

import os
import pathlib

import yaml

FOLDER = pathlib.Path(__file__).parent / "reference"
IS_WRITING = os.environ.get("RENDER_REFERENCE") == "write"
# Of the minion, since processes and buffers follow them.
GRAINS = {"num_cpus": 4, "mem_total": 16000, "osfinger": "Debian-12"}
# Salt's own, and what templates are given: what they make of it is there, and the place of a state
# is its place in the list.
LEFT_OUT = {"__env__", "__sls__", "order", "__id__", "state", "fun"}
LEFT_OUT |= {"__sls_included_from__", "context", "options", "source"}
# Programs with a test tier of their own.
PROGRAMS = ".py"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, and no aliases."""

    def ignore_aliases(self, data):
        return True


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def plain(value):
    """Return a value as mappings, lists and scalars."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def states(low, contents):
    """
    Return states in the order in which they run.

    low
        What Salt's compiler made.

    contents
        A function that returns what a state writes to a file, or None.
    """
    found = []
    for chunk in low:
        more = {key: plain(chunk[key]) for key in sorted(chunk.keys() - LEFT_OUT)}
        written = contents(chunk)
        if written is not None:
            # YAML's blocks take no tabs and no blanks at the end of a line.
            more["written"] = [line.rstrip().expandtabs() for line in written.splitlines()]
        found.append({f"{chunk['__id__']} ({chunk['state']}.{chunk['fun']})": more})
    return found


def compare(name, content, base=None):
    """
    Compare with what is kept under a name, or keep it when that is asked for.

    base
        The name under which a list is kept; what stands there too is left out here.
    """
    known = yaml.safe_load((FOLDER / f"{base}.txt").read_text(encoding="utf-8")) if base else []
    content = [one for one in content if one not in known] if known else content
    text = yaml.dump(content, Dumper=_Dumper, sort_keys=False, width=99, allow_unicode=True)
    path = FOLDER / f"{name}.txt"
    if IS_WRITING:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    kept = path.read_text(encoding="utf-8")
    assert text.splitlines() == kept.splitlines(), (
        f"what is compiled differs from test/render/reference/{name}.txt; where that is meant, "
        "RENDER_REFERENCE=write writes it anew"
    )
