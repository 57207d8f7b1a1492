"""
The program that tries MariaDB's configuration, over a server that is simulated: it says what a
server of 10.11 said. The real one is in test/functional/servers/test_galera.py.
"""

import importlib.util
import os
import sys

import pytest
from support import ROOT

PATH = ROOT / "openstack_ha/galera/files/check-mariadb-config.py"
SERVER = """#!/bin/sh
# Says what it was asked and what it would read, and then what a server said.
echo "$@" > {folder}/asked
for one in "$@"; do case $one in --defaults-file=*) cat "${{one#*=}}" > {folder}/read;; esac; done
cat {folder}/said >&2
exit $(cat {folder}/code)
"""
USUAL = """
2026-01-01 1:00:00 0 [Warning] Could not increase number of max_open_files to more than 20000
2026-01-01 1:00:00 0 [Warning] Could not open mysql.plugin table: "Table doesn't exist".
"""
UNKNOWN = "2026-01-01 1:00:00 0 [ERROR] mariadbd: unknown variable 'max_conections=9'"
ENGINE = "2026-01-01 1:00:00 0 [ERROR] Parsing options for plugin 'InnoDB' failed. Disabling plugin"
PLUGIN = "2026-01-01 1:00:00 0 [ERROR] Couldn't load plugins from 'nothere.so'."
ADJUSTED = (
    "2026-01-01 1:00:00 0 [Warning] option 'max-connections': unsigned value 2 adjusted to 10"
)


@pytest.fixture
def program(monkeypatch):
    spec = importlib.util.spec_from_file_location("check_mariadb_config", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.shutil, "chown", lambda path, user: None)
    return module


@pytest.fixture
def check(program, tmp_path, monkeypatch, capsys):
    server, own = tmp_path / "mariadbd", tmp_path / "mysql/mariadb.conf.d/99-own.cnf"
    server.write_text(SERVER.format(folder=tmp_path), encoding="utf-8")
    server.chmod(0o755)
    for name in ("conf.d/1.cnf", "mariadb.conf.d/50-server.cnf", "mariadb.conf.d/no.txt"):
        path = tmp_path / "mysql" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    own.write_text("[mysqld]\nmax_conections = 1\n", encoding="utf-8")
    new = tmp_path / "new"
    new.write_text("[mysqld]\nmax_connections = 2\n", encoding="utf-8")

    def run(said="", code=0):
        (tmp_path / "said").write_text(USUAL + said + "\n", encoding="utf-8")
        (tmp_path / "code").write_text(str(code), encoding="utf-8")
        monkeypatch.setattr(sys, "argv", ["check", str(server), str(own), str(new)])
        is_refused = program.main()
        return is_refused, capsys.readouterr().out.splitlines()

    return run


def test_what_the_server_takes_is_taken(check):
    assert check() == (False, [])


@pytest.mark.parametrize(
    ("said", "code"), [(UNKNOWN, 7), (ENGINE, 0), (ADJUSTED, 0)], ids=["unknown", "engine", "bound"]
)
def test_what_it_does_not_take_is_told_in_its_words_with_the_way_out(program, check, said, code):
    assert check(said, code) == (True, [said, program.WAY_OUT])


@pytest.mark.parametrize("said", [PLUGIN, ADJUSTED.replace("max-connections", "thread-stack")])
def test_what_others_files_bring_about_is_no_fault_of_this_one(check, said):
    assert check(said) == (False, [])


def test_a_server_that_says_nothing_is_refused_with_its_status(check):
    assert check(code=3)[1][0] == "3"


def test_all_is_read_but_the_file_that_it_replaces_and_nothing_of_the_servers_data(check, tmp_path):
    check()
    read = (tmp_path / "read").read_text(encoding="utf-8").splitlines()
    paths = ["mysql/conf.d/1.cnf", "mysql/mariadb.conf.d/50-server.cnf", "new"]
    assert read == [f"!include {tmp_path / path}" for path in paths]
    asked = (tmp_path / "asked").read_text(encoding="utf-8").split()
    assert asked[1:2] + asked[3:] == ["--user=mysql", "--help", "--verbose"]
    data = asked[2].removeprefix("--datadir=")
    assert data.endswith("/data")
    assert not os.path.exists(data)
