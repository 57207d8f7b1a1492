"""What goes into the lab's images: trust of the build machine, tags, packages, scripts."""

import subprocess

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lab import images, trust


def pem(name):
    return f"-----BEGIN CERTIFICATE-----\n{name}\n-----END CERTIFICATE-----"


def test_certificates_are_found_between_other_text_and_each_once():
    text = f"# first\n{pem('a')}\nsubject=b\n{pem('b')}\n\n{pem('a')}\n-----BEGIN CERTIFICATE-----"
    assert trust.certificates(text) == [pem("a"), pem("b")]


def test_extra_certificates_are_those_that_no_stock_text_has():
    bundles = [f"{pem('stock')}\n{pem('own')}\n", f"{pem('own')}\n{pem('other')}\n"]
    known = [f"{pem('unused')}\n", f"{pem('stock')}\n"]
    assert trust.extra_certificates(bundles, known) == [pem("own"), pem("other")]


def test_certificates_of_bundles_without_a_last_line_break_do_not_run_into_one_another():
    assert trust.extra_certificates([pem("a"), pem("b")], []) == [pem("a"), pem("b")]


def settings_of(conf):
    section, *lines = conf.splitlines()
    assert section == "[global]"
    return dict(line.split(" = ") for line in lines)


def test_pip_conf_leaves_out_what_is_on_this_machines_disk():
    found = settings_of(
        trust.pip_conf(
            {
                "index-url": "file:///srv/simple",
                "extra-index-url": "https://one.example/simple file:///srv/more https://two.example/",
                "find-links": "/srv/wheels",
                "proxy": "http://proxy.example:3128",
            }
        )
    )
    assert "index-url" not in found
    assert "find-links" not in found
    assert found["extra-index-url"] == "https://one.example/simple https://two.example/"
    assert found["proxy"] == "http://proxy.example:3128"


def test_pip_conf_trusts_the_systems_bundle_without_any_setting():
    assert settings_of(trust.pip_conf({}))["cert"] == str(trust.DEBIAN_BUNDLE)


@pytest.mark.parametrize("turn", [1, -1])
def test_pip_settings_of_the_environment_win_over_a_files(turn):
    lines = [":env:.index-url='https://env.example/'", "global.index-url='https://file.example/'"]
    assert trust.pip_settings("\n".join(lines[::turn])) == {"index-url": "https://env.example/"}


def test_pip_settings_have_their_words_from_several_lines():
    listing = "global.extra-index-url='\\nhttps://one.example\\nhttps://two.example'\n"
    assert trust.pip_settings(listing)["extra-index-url"].split() == [
        "https://one.example",
        "https://two.example",
    ]


def test_pip_settings_are_those_of_pip_install():
    listing = "download.timeout='1'\ninstall.timeout='2'\n\nnot a setting\n"
    assert trust.pip_settings(listing) == {"timeout": "2"}


PARTS = st.lists(st.binary(max_size=4), max_size=4)


@given(PARTS, PARTS)
def test_tags_are_the_same_where_the_inputs_and_their_borders_are(one, other):
    assert (images.tag_of("x", one) == images.tag_of("x", other)) == (one == other)


def test_formula_packages_are_each_named_once_and_pythons_go_to_pip():
    parameters = {
        "python": {"packages": ["netaddr", "jsonschema"], "node_packages": ["PyMySQL"]},
        "haproxy": {"packages": ["socat", "haproxy"], "service": "haproxy"},
        "keepalived": {"packages": ["keepalived", "socat"]},
        "without": {"service": "x"},
    }
    assert images.formula_packages(parameters) == (
        ["haproxy", "keepalived", "socat"],
        ["PyMySQL", "jsonschema", "netaddr"],
    )


def test_what_builds_wheels_is_their_own_part_of_the_formula():
    parameters = {
        "wheels": {"archives": "/srv/wheels"},
        "nova_wheels": {"build_packages": ["gcc"]},
        "haproxy": {"packages": ["haproxy"]},
    }
    files = images.wheels_files(parameters)
    (path,) = [path for path in files if "/parameters/" in path]
    del parameters["haproxy"]
    assert yaml.safe_load(files[path][0]) == parameters
    assert images.wheels_files({**parameters, "keepalived": {}}) == files


def test_a_compiler_is_no_package_of_the_nodes():
    debian, _ = images.formula_packages(yaml.safe_load(images.PARAMETERS.read_text()))
    assert "gcc" not in debian


SCRIPTS = [
    path
    for path in sorted(images.IMAGE_DIR.rglob("*"))
    if path.is_file() and path.read_text().startswith(("#!/bin/sh", "#!/bin/busybox sh"))
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_of_images_are_ones_that_a_shell_reads(script):
    subprocess.run(["sh", "-n", script], check=True)
    # Docker copies the mode, too.
    assert script.stat().st_mode & 0o111
