"""The schema, by alembic."""

import argparse
import pathlib

import alembic.command
import alembic.config

from notes import config

FOLDER = pathlib.Path(__file__).parent / "migrations"
TARGETS = {"sync": "heads", "expand": "expand@head"}


def main():
    """Bring the schema to where it is to be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-file", action="append", required=True)
    parser.add_argument("step", choices=TARGETS)
    chosen = parser.parse_args()
    known = alembic.config.Config()
    known.set_main_option("script_location", str(FOLDER))
    versions = " ".join(str(FOLDER / "versions" / branch) for branch in ("expand", "contract"))
    known.set_main_option("version_locations", versions)
    known.attributes["connection"] = config.read(chosen.config_file).database.connection
    alembic.command.upgrade(known, TARGETS[chosen.step])
