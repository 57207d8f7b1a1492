"""A cell's templates, as Nova fills them in, come out as a node's own configuration."""

from urllib.parse import urlsplit

import openstack_ha_nova_cells as cells
import pytest

DATABASE = "mysql+pymysql://nova:a%40b@172.29.80.11:3306/nova?charset=utf8mb4&read_timeout=30"
KEYS = ("username", "password", "hostname", "port", "scheme", "query")


def filled_in(template, url):
    """What Nova makes of a template (nova.objects.cell_mapping), by what its text says."""
    parts = urlsplit(url)
    values = {key: getattr(parts, key) for key in KEYS if "," not in parts.netloc}
    values.update(scheme=parts.scheme, query=parts.query, path=parts.path.lstrip("/"))
    for number, server in enumerate(parts.netloc.split(","), start=1):
        one = urlsplit(f"//{server}")
        values.update({f"{key}{number}": getattr(one, key) for key in KEYS[:4]})
    return template.format(**values)


def view(access, brokers):
    nodes = {
        f"ctl{number}": {
            "roles": ["controller"],
            "hostname": f"ctl{number}",
            "address": f"172.29.80.1{number}",
        }
        for number in range(1, brokers + 1)
    }
    return {"rabbitmq": {"access": access}, "nodes": nodes}


def test_the_cells_database_is_a_services_own():
    assert filled_in(cells.cell_database(), DATABASE) == DATABASE


def test_cell0_is_beside_it():
    assert filled_in(cells.cell0_database(), DATABASE) == DATABASE.replace("/nova?", "/nova_cell0?")


@pytest.mark.parametrize(
    ("access", "brokers", "servers"),
    [
        ("vip", 3, ["172.29.80.100"]),
        ("direct", 1, ["172.29.80.11"]),
        ("direct", 3, ["172.29.80.11", "172.29.80.12", "172.29.80.13"]),
    ],
)
def test_the_cells_brokers_are_a_services_own(access, brokers, servers):
    url = f"rabbit://{','.join(f'nova:a%40b@{one}:5672' for one in servers)}/"
    assert filled_in(cells.transport(view(access, brokers)), url) == url


def test_no_template_has_a_password():
    texts = [cells.cell_database(), cells.cell0_database(), cells.transport(view("direct", 3))]
    assert all("{password" in one and "{username" in one for one in texts)
