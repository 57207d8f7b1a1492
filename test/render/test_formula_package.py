"""Salt's package manager takes the formula, where the Salt line still has one."""

import pathlib
import shutil
import subprocess
import sys

import pytest
from support import FORMULA, ROOT

SPM = pathlib.Path(sys.executable).with_name("spm")


@pytest.mark.skipif(not SPM.exists(), reason="this Salt line has no spm")
def test_spm_builds_and_installs_the_formula(tmp_path):
    source = tmp_path / "source"
    for name in FORMULA:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    for name in ("FORMULA", "pillar.example"):
        shutil.copy(ROOT / name, source)
    config = tmp_path / "etc"
    config.mkdir()
    for name in ("spm", "minion"):
        (config / name).write_text(
            f"root_dir: {tmp_path}\ncachedir: {tmp_path}/cache\nspm_cache_dir: {tmp_path}/cache\n"
            f"spm_build_dir: {tmp_path}/build\nspm_logfile: {tmp_path}/log\n"
            f"spm_db: {tmp_path}/packages.db\nformula_path: {tmp_path}/srv\n",
            encoding="utf-8",
        )
    spm = [sys.executable, str(SPM), "-c", str(config)]
    subprocess.run([*spm, "build", str(source)], check=True)
    (package,) = (tmp_path / "build").glob("openstack_ha-*.spm")
    subprocess.run([*spm, "local", "install", "-y", str(package)], check=True)
    for name in FORMULA:
        assert (tmp_path / "srv" / name).is_dir(), f"{name} is not installed"
