"""
The dashboard, in a real browser through the VIP: what a person does there, what nobody sees, and
who stays logged in while controllers are lost and options change.

It needs a lab of the profile nova-network. Its pictures are those of docs/systems/horizon.md.
"""

import contextlib
import copy
import json
import threading
import time
from pathlib import Path

import outside
import pytest
from dashboard.person import Browser
from machines.cloud import Cloud
from salt.utils import dictupdate
from swift import site
from turns.going import DRAINED, LONGEST, assert_in_turn, going

from bench import failover
from bench.dashboard import measure
from lab import highstate
from lab.images import Images
from lab.waiting import PATIENCE, wait_for

ID, NUMBER = "browser", 203
PICTURES = Path(__file__).parents[3] / "docs/images"
IMAGE_FILE, OBJECT_FILE = "/opt/browser/small.raw", "/opt/browser/object.txt"
STATIC = "/var/lib/openstack-dashboard/openstack_ha-static"
STICKY, SESSION = "openstack_ha_horizon", "sessionid"
# Of Horizon's own menu, what a cloud without Neutron and without Cinder has not.
LACKING = ("Network Topology", "Networks", "Routers", "Security Groups", "Floating IPs", "Volumes")
PANELS = ("Overview", "Instances", "Images", "Key Pairs", "Server Groups", "Containers")
# Seconds that somebody waits for a page; and while a highstate is at work on every controller of a
# lab that shares two cores, where each page takes several.
SOON, WHILE_ALL_WORK = 10, 30
# Seconds between two clicks.
PACE = 1
# People who look at one page again and again, and for how many seconds.
CROWD, LOOKS = 12, 15


@pytest.fixture(scope="module")
def desk(lab, mended_once):
    """A host with a browser, which knows the VIP and believes its certificate."""
    with outside.host(lab, ID, NUMBER, Images(lab.docker, print).browser()) as host:
        lab.introduce(host)
        host.check(
            ["sh", "-c", f"mkdir -p /opt/browser; head -c 1048576 /dev/urandom > {IMAGE_FILE}"]
        )
        host.write(OBJECT_FILE, "put by a browser\n")
        # Where Chromium looks for authorities.
        host.check(["sh", "-c", TRUST])
        yield host


TRUST = (
    "mkdir -p /etc/chromium/policies/managed /root/.pki/nssdb"
    " && certutil -d sql:/root/.pki/nssdb -N --empty-password"
    " && certutil -d sql:/root/.pki/nssdb -A -t C,, -n lab"
    " -i /usr/local/share/ca-certificates/openstack_ha.crt"
)


@pytest.fixture(scope="module")
def pictures():
    PICTURES.mkdir(exist_ok=True)
    return PICTURES


@pytest.fixture
def browser(lab, desk, tmp_path):
    made = Browser(lab, desk, tmp_path)
    yield made
    made.close()


@pytest.fixture
def person(browser):
    said = browser("log_in")
    assert said["is_in"], said["text"]
    return browser


class Asking:
    """What there is, as a person's command line tells it."""

    def __init__(self, lab):
        # The image and the flavor that can be chosen.
        self.client, self.made = lab.client, Cloud(lab).made

    def __call__(self, *words):
        argv = ["/opt/client/bin/openstack", "--os-cloud", "admin", *words, "--format", "json"]
        return json.loads(self.client.check(argv))

    def name(self, kind):
        """The name of what can be chosen."""
        return self(kind, "show", self.made[kind])["name"]

    def delete(self, *words):
        self.client.run(["/opt/client/bin/openstack", "--os-cloud", "admin", *words])


@pytest.fixture(scope="module")
def asking(lab, mended_once):
    return Asking(lab)


@pytest.fixture
def name(asking, chance):
    """Of a machine, a container, and in an image's; nothing of that name stays."""
    made = f"by-browser-{chance.randrange(10**6)}"
    yield made
    asking.delete("server", "delete", "--wait", made)
    asking.delete("container", "delete", "--recursive", made)
    for image in asking("image", "list", "--name", f"image-{made}"):
        asking.delete("image", "delete", image["ID"])


def test_a_person_does_what_there_is_to_do(asking, browser, pictures, name):
    browser("open", path="/")
    browser.show(pictures / "login.png")
    assert browser("log_in")["is_in"]
    overview = browser("open", path="/project/")
    assert overview["errors"] == [] and "Overview" in overview["title"]
    assert "VCPUs" in overview["text"] and "Volume" not in overview["text"]
    browser.show(pictures / "overview.png")
    for panel in PANELS:
        assert panel in overview["menu"], overview["menu"]
    assert not set(LACKING) & set(overview["menu"])

    chosen = {kind: asking.name(kind) for kind in ("image", "flavor")}
    wizard = browser("launch", name=name, **chosen)
    steps = wizard["steps"]
    assert wizard["errors"] == [] and "Flavor" in " ".join(steps)
    assert not [one for one in steps if "Network" in one or "Security" in one], steps
    row = wait_for(lambda: _active(browser, name), PATIENCE, f"{name} to run")
    dead = ("Floating", "Interface", "Security Groups", "Volume")
    assert not [one for one in row["actions"] if any(word in one for word in dead)], row
    assert browser("open", path=row["url"])["errors"] == []
    tabs = " ".join(browser("tabs", url=row["url"]))
    assert "Console" in tabs and "Interfaces" not in tabs
    browser("open", path="/project/instances/")
    browser.show(pictures / "machines.png")
    assert browser("console", url=row["url"])["errors"] == []
    browser.show(pictures / "console.png")

    assert browser("upload_image", name=f"image-{name}", path=IMAGE_FILE)["errors"] == []
    image = wait_for(lambda: _image(asking, f"image-{name}"), PATIENCE, "the image to be active")
    assert image["size"] == 1 << 20
    assert browser("put_object", container=name, path=OBJECT_FILE)["errors"] == []
    assert [one["Name"] for one in asking("object", "list", name)] == ["object.txt"]
    assert browser("log_out")


def _image(asking, name):
    found = asking("image", "list", "--name", name, "--status", "active")
    return asking("image", "show", found[0]["ID"]) if found else None


def _active(browser, name):
    row = browser("machine", name=name)
    if row and "Error" in row["cells"]:
        pytest.fail(f"{name} ended in an error: {row}")
    return row if row and any("Active" in cell for cell in row["cells"]) else None


@pytest.mark.parametrize(
    "path",
    [
        "/project/", "/project/instances/", "/project/images/", "/project/key_pairs",
        "/project/server_groups/", "/project/containers/", "/project/api_access/", "/admin/",
        "/admin/hypervisors/", "/admin/instances/", "/admin/flavors/", "/admin/images/",
        "/admin/aggregates/", "/admin/defaults/", "/admin/info/", "/identity/", "/identity/users/",
        "/identity/domains/", "/identity/groups/", "/identity/roles/",
        "/identity/application_credentials/", "/settings/",
    ],
)  # fmt: skip
def test_no_page_shows_an_error(person, path):
    seen = person("open", path=path)
    assert seen["errors"] == []
    assert "/auth/login" not in seen["url"]


def test_cookies_are_for_tls_and_this_site(person):
    kept = person("cookies")
    for name in (SESSION, STICKY, "csrftoken"):
        assert kept[name]["secure"] and kept[name]["sameSite"] == "Lax", kept[name]
    for name in (SESSION, STICKY):
        assert kept[name]["httpOnly"]


def test_the_session_has_room_for_more_services(person, figure):
    size = person("cookies")[SESSION]["value"]
    figure("bytes of a session's cookie, of 4096", size)
    assert size < 3072


def test_nobody_of_a_crowd_gets_an_error(lab, mended_once, figure):
    """They all stick to one controller."""
    for page, said in measure(lab, CROWD, LOOKS).items():
        figure(f"median ms of {page}, {CROWD} people", round(said["median"]))
        assert said["answers"] >= CROWD and said["failed"] == 0, (page, said)


class Clicks:
    """Somebody who is logged in, and clicks once a second while something happens."""

    def __init__(self, browser, patience):
        self.browser, self.patience, self.seen = browser, patience, []
        self.enough = threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._click)
        self.thread.start()
        return self

    def __exit__(self, *failure):
        self.enough.set()
        self.thread.join()

    def _click(self):
        while not self.enough.wait(PACE):
            self.seen.append(self.browser("click_once", path="/identity/", patience=self.patience))

    def wait_more(self, count):
        """Wait for so many more clicks."""
        goal = len(self.seen) + count
        wait_for(lambda: len(self.seen) >= goal, PATIENCE, f"{count} more clicks")

    def assert_fared(self):
        """No two clicks in a row went nowhere, and whoever got a page was logged in."""
        came = [one["came"] for one in self.seen]
        lost = [(number, one["why"]) for number, one in enumerate(self.seen) if not one["came"]]
        assert (False, False) not in set(zip(came, came[1:], strict=False)), lost
        assert all(one["in"] for one in self.seen if one["came"]), self.seen
        assert came[-1]


@contextlib.contextmanager
def clicking(person, patience=SOON):
    with Clicks(person, patience) as clicks:
        clicks.wait_more(3)
        yield clicks
        clicks.wait_more(10)
    clicks.assert_fared()


def test_who_sticks_to_a_controller_that_is_lost_stays_logged_in(lab, person, nodes, mended):
    person("open", path="/identity/")
    names = {lab.node(node).check(["hostname"]).strip(): node for node in nodes}
    lost = person("stuck_to", name=STICKY)
    with clicking(person):
        lab.node(names[lost]).kill()
    assert person("stuck_to", name=STICKY) != lost


def test_who_clicks_while_an_option_goes_round_stays_logged_in(lab, person, nodes, tell, mended):
    content = site.source()
    before = copy.deepcopy(content)
    dictupdate.update(content["openstack_ha"], {"horizon": {"title": "Another Cloud"}})
    site.give(lab, content)
    try:
        with clicking(person, WHILE_ALL_WORK):
            made = going(lab, lambda: lab.highstate(target=",".join(nodes)))
        assert highstate.failures(made.returns, nodes) == {}
        assert_in_turn(made, {"horizon": DRAINED}, nodes, tell)
        assert "Another Cloud" in person("open", path="/identity/")["title"]
    finally:
        site.give(lab, before)
        with clicking(person, WHILE_ALL_WORK):
            returns = lab.highstate(target=",".join(nodes))
    assert highstate.failures(returns, nodes) == {}


def test_a_second_highstate_changes_nothing(lab, nodes):
    returns = lab.highstate(target=",".join(nodes))
    assert highstate.failures(returns, nodes) == {}
    changed = highstate.changes(returns)
    assert not [name for names in changed.values() for name in names if "horizon" in name]


def test_the_static_files_are_the_same_on_all_controllers(lab, nodes):
    sums = f"cd {STATIC} && find . -type f | sort | xargs sha256sum"
    found = {lab.node(node).check(["sh", "-c", sums]) for node in nodes}
    assert len(found) == 1 and "dashboard/manifest.json" in found.pop()


def test_who_clicks_while_the_holder_stops_its_haproxy_stays_logged_in(lab, person, mended):
    holder = lab.node(failover.vip_holder(lab))
    with clicking(person):
        holder.check(["systemctl", "stop", "haproxy"])
    holder.check(["systemctl", "start", "haproxy"])


def test_whose_passwords_are_wrong_has_to_wait_and_reads_why(lab, desk, browser, mended):
    begin = int(time.time())
    said = [browser("log_in", password="wrong") for _ in range(10)]
    assert not any(one["is_in"] for one in said)
    assert "Invalid credentials" in said[0]["text"]
    assert "Too many failed logins" in said[-1]["text"]
    holder = lab.node(failover.vip_holder(lab))
    argv = ["journalctl", "--unit=haproxy", f"--since=@{begin}", "--output=cat"]
    wait_for(lambda: " 429 " in holder.check(argv), PATIENCE, "HAProxy's line of it")
    # Which ends by itself.
    wait_for(lambda: browser("log_in")["is_in"], min(PATIENCE, LONGEST), "the minute to be over")
