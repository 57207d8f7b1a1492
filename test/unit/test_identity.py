"""Keystone's objects: the difference, and the requests that take it away."""

import copy

import openstack_ha_cluster
import openstack_ha_identity as identity
import pytest
from support import example


@pytest.fixture
def view():
    cluster = example()
    cluster["keystone"] = {
        "projects": {"demo": {"description": "a trial"}},
        "users": {"alice": {"email": "alice@example.org"}},
        "assignments": [{"user": "alice", "project": "demo", "role": "member"}],
    }
    return openstack_ha_cluster.complete(cluster)


class Keystone:
    """Just enough of Keystone's tables to answer requests."""

    def __init__(self):
        self.raw = {f"{kind}s": [] for kind in identity.KINDS if kind != "assignment"}
        self.raw["role_assignments"] = []
        self.raw["domains"].append({"id": "default", "name": "Default", "enabled": True})
        self.raw["roles"] += [{"id": name, "name": name} for name in ("admin", "member")]
        self.raw["services"].append(
            {"id": "s1", "type": "identity", "name": "keystone", "enabled": True}
        )

    def do(self, request):
        parts = request["path"].strip("/").split("/")
        if parts[-2:-1] == ["roles"]:
            scope = {parts[0][:-1]: {"id": parts[1]}}
            grant = {"user": {"id": parts[-3]}, "role": {"id": parts[-1]}, "scope": scope}
            grants = self.raw["role_assignments"]
            (grants.append if request["method"] == "PUT" else grants.remove)(grant)
        elif request["method"] == "POST":
            (body,) = request["body"].values()
            new = {"id": f"{parts[0]}-{len(self.raw[parts[0]])}", "enabled": True, **body}
            self.raw[parts[0]].append(new)
        else:
            (one,) = [it for it in self.raw[parts[0]] if it["id"] == parts[1]]
            if request["method"] == "DELETE":
                self.raw[parts[0]].remove(one)
            else:
                one.update(*request["body"].values())

    def settle(self, view, systems=("keystone",), passwords=None, prune=False):
        """What the module does; the first difference, and how often was asked."""
        should = identity.wanted(view, systems)
        first = None
        for looks in range(1, 6):
            found = identity.known(copy.deepcopy(self.raw))
            changes = identity.diff(should, found, passwords or {}, prune)
            first = changes if first is None else first
            requests = identity.requests(changes, found)
            if not requests:
                assert changes == []
                return first, looks
            for request in requests:
                self.do(request)
        return pytest.fail(f"does not settle: {changes}")


def test_everything_is_there_after_a_few_looks(view):
    keystone = Keystone()
    changes, looks = keystone.settle(view)
    assert {one["change"] for one in changes} == {"create"}
    assert ("assignment", ("member", "Default", "alice", "project:Default/demo")) in [
        (one["kind"], one["key"]) for one in changes
    ]
    assert looks <= 3
    assert keystone.settle(view) == ([], 1)


def test_what_was_edited_by_hand_is_put_right(view):
    keystone = Keystone()
    keystone.settle(view)
    keystone.raw["endpoints"][0]["url"] = "http://elsewhere"
    keystone.raw["users"][0]["enabled"] = False
    keystone.raw["role_assignments"].clear()
    changes, _ = keystone.settle(view)
    assert [(one["kind"], one["change"]) for one in changes] == [
        ("user", "update"),
        ("endpoint", "update"),
        ("assignment", "create"),
    ]
    assert changes[1]["old"] == {"url": "http://elsewhere"}
    assert keystone.settle(view) == ([], 1)


def test_another_password_is_told_and_not_shown(view):
    keystone = Keystone()
    keystone.settle(view)
    found = identity.known(keystone.raw)
    should = identity.wanted(view, ["keystone"])
    (change,) = identity.diff(should, found, {("Default", "alice"): False})
    assert (change["old"], change["new"]) == (
        {"password": "another"},
        {"password": "the pillar's"},
    )
    (request,) = identity.requests([change], found)
    assert (request["body"], request["user"]) == ({"user": {}}, ["Default", "alice"])


def test_what_the_pillar_drops_goes_only_when_told(view):
    keystone = Keystone()
    keystone.settle(view)
    keystone.raw["users"].append(
        {"id": "u9", "name": "bob", "domain_id": "default", "enabled": True}
    )
    view["keystone"].update(projects={}, users={}, assignments=[])
    assert keystone.settle(view) == ([], 1)
    changes, _ = keystone.settle(view, prune=True)
    assert [(one["kind"], one["key"][1]) for one in changes if one["kind"] != "assignment"] == [
        ("user", "alice"),
        ("project", "demo"),
    ]
    # Somebody else's.
    assert [one["name"] for one in keystone.raw["users"]] == ["bob"]


def test_a_role_that_somebody_added_goes_when_told(view):
    keystone = Keystone()
    keystone.settle(view)
    user, project = keystone.raw["users"][0], keystone.raw["projects"][0]
    keystone.raw["role_assignments"].append(
        {
            "user": {"id": user["id"]},
            "role": {"id": "admin"},
            "scope": {"project": {"id": project["id"]}},
        }
    )
    found = identity.known(keystone.raw)
    should = identity.wanted(view, ["keystone"])
    assert identity.diff(should, found, {}) == []
    (change,) = identity.diff(should, found, {}, prune=True)
    assert (change["kind"], change["change"], change["key"][0]) == ("assignment", "remove", "admin")
    (request,) = identity.requests([change], found)
    assert request["method"] == "DELETE"


def test_a_service_has_its_user_where_it_asks_keystone(view):
    systems = ["keystone", "glance", "swift.proxy"]
    assert identity.users(view, systems) == ["glance", "swift", "alice"]
    view["swift"]["auth"] = "tempauth"
    assert identity.users(view, ["keystone", "swift.proxy"]) == ["alice"]
    view["swift"]["auth"] = "keystone"
    should = identity.wanted(view, systems)
    assert ("admin", "Default", "swift", "project:Default/service") in should["assignment"]
    assert should["endpoint"]["image", "public", "RegionOne"]["url"] == (
        "https://cloud.example.org:9292"
    )
    url = should["endpoint"]["object-store", "public", "RegionOne"]["url"]
    assert url == "https://cloud.example.org:8080/v1/AUTH_%(project_id)s"
