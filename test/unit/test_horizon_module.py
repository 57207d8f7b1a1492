"""Static files of a version: what they are made of, and that what is served is never half of it."""

import importlib.util
import stat
import subprocess
import sys

import openstack_ha_horizon as utils
import pytest
from salt.exceptions import CommandExecutionError
from support import ROOT

OPTIONS = {"title": "a", "options": {}}
ONE_THREAD = ROOT / "openstack_ha/horizon/files/one_thread.py"
# As manage.py does, where it is told to.
PROGRAM = """\
import os, pathlib, sys
folder = pathlib.Path(os.environ["OPENSTACK_HA_STATIC"], "dashboard")
if sys.argv[1] == "collectstatic":
    (folder / "img").mkdir(parents=True)
    (folder / "img/logo.svg").write_text("theirs")
else:
    (folder / "manifest.json").write_text("{}")
    (folder / "new.css").write_text(open(sys.argv[0] + ".version").read() + chr(10))
"""


def load(kind):
    path = ROOT / kind / "openstack_ha_horizon.py"
    spec = importlib.util.spec_from_file_location(f"{kind}_openstack_ha_horizon", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def run_all(argv, env, **more):
    done = subprocess.run(
        argv, env={"PATH": "/usr/bin:/bin", **env}, capture_output=True, text=True, check=False
    )
    return {"retcode": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


class Site:
    def __init__(self, root):
        self.options = dict(OPTIONS)
        self.folder, self.made_of = root / "static", root / "static.made-of"
        self.sources = [str(root / "sums"), str(root / "plugins")]
        (root / "sums").write_text("1\n")
        (root / "plugins").mkdir()
        self.program = root / "manage.py"
        self.program.write_text(PROGRAM)
        self.program.chmod(0o755)
        (root / "manage.py.version").write_text("1")
        self.module, self.state = load("_modules"), load("_states")
        self.module.__utils__ = {"openstack_ha_horizon.site": utils.site}
        self.module.__salt__ = {
            "openstack_ha.view": lambda: {"horizon": self.options},
            "cmd.run_all": run_all,
        }
        self.state.__salt__ = {
            "openstack_ha_horizon.static": self.module.static,
            "openstack_ha_horizon.make_static": self.module.make_static,
        }
        self.root = root

    def apply(self, test=False):
        self.state.__opts__ = {"test": test}
        return self.state.static(
            str(self.folder), str(self.made_of), str(self.program), self.sources
        )


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


def test_they_are_made_once(site):
    assert site.apply(test=True)["result"] is None
    assert not site.folder.exists()
    first = site.apply()
    assert first["result"] is True and first["changes"]
    assert (site.folder / "dashboard/manifest.json").is_file()
    for test in (True, False):
        again = site.apply(test)
        assert (again["result"], again["changes"]) == (True, {})
    assert not (site.root / "static.new").exists()


def test_another_version_comes_beside_the_one_that_is_looked_at(site):
    site.apply()
    (site.folder / "dashboard/old.css").write_text("old")
    (site.root / "sums").write_text("2\n")
    (site.root / "manage.py.version").write_text("2")
    assert site.apply()["changes"]
    assert (site.folder / "dashboard/new.css").read_text() == "2\n"
    assert (site.folder / "dashboard/old.css").read_text() == "old"


@pytest.mark.parametrize("what", ["logo", "plugin", "option", "manifest"])
def test_what_they_follow_from_is_seen(site, what):
    site.apply()
    if what == "logo":
        site.options["logo"] = "<svg/>"
    elif what == "plugin":
        (site.root / "plugins/_1700_more.py").write_text("ADD_JS_FILES = ['x.js']")
    elif what == "option":
        site.options["options"] = {"DEFAULT_THEME": "material"}
    else:
        (site.folder / "dashboard/manifest.json").unlink()
    assert site.apply()["changes"]
    assert site.apply()["changes"] == {}


def test_a_title_is_in_no_static_file(site):
    site.apply()
    site.options["title"] = "another"
    assert site.apply()["changes"] == {}


def test_the_logo_is_the_sites(site):
    site.options["logo"] = "<svg>ours</svg>"
    site.apply()
    for name in ("logo.svg", "logo-splash.svg"):
        path = site.folder / "dashboard/img" / name
        assert path.read_text() == "<svg>ours</svg>"
        assert stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH


def test_what_cannot_be_made_leaves_what_is_served(site):
    site.apply()
    (site.root / "sums").write_text("2\n")
    site.program.write_text("import sys\nprint('no such theme', file=sys.stderr)\nsys.exit(3)\n")
    result = site.apply()
    assert result["result"] is False and result["changes"] == {}
    assert "ended with 3: no such theme" in result["comment"]
    assert (site.folder / "dashboard/new.css").is_file()
    with pytest.raises(CommandExecutionError):
        site.module.make_static(
            str(site.folder), str(site.made_of), str(site.program), site.sources
        )


def test_style_sheets_are_made_by_one_thread(tmp_path):
    """pyScss's are not safe in several, of which django-compressor asks for four."""
    program = tmp_path / "manage.py"
    program.write_text(
        f"exec(open({str(ONE_THREAD)!r}).read())\n"
        "import concurrent.futures, sys, threading\n"
        "meeting = threading.Barrier(2)\n"
        "def meet():\n"
        "    try:\n"
        "        meeting.wait(timeout=1)\n"
        "    except threading.BrokenBarrierError:\n"
        "        return 'alone'\n"
        "    return 'not alone'\n"
        "with concurrent.futures.ThreadPoolExecutor(max_workers=4) as threads:\n"
        "    met = [threads.submit(meet) for _ in range(2)]\n"
        "print([one.result() for one in met], sys.argv[1:])\n"
    )
    found = {
        step: subprocess.check_output([sys.executable, program, step], text=True)
        for step in ("compress", "runserver")
    }
    assert found == {
        "compress": "['alone', 'alone'] ['compress']\n",
        "runserver": "['not alone', 'not alone'] ['runserver']\n",
    }
