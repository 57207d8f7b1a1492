"""This host as the one controller of a cluster: its pillar, the master's steps, and its API."""

import copy
import json
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import leftovers
import openstack_ha_fernet
from saltfactories.utils.functional import Loaders
from support import formula_root, minion_options, not_applied, pillar_root

NODE = "ctl1"
HOUR = 3600
# What a master has built, in the environment in which it serves that.
WHEELS = {"openstack_ha_wheels": ["/srv/openstack_ha/wheels"]}


class Site:
    """This host as the one controller, its pillar on the disk, and what the master would do."""

    def __init__(self, root, cluster, formula=None):
        self.root, self.cluster = root, copy.deepcopy(cluster)
        self.keyring = openstack_ha_fernet.created(time.time())
        self.folder = pillar_root(root / "pillar", self.pillar())
        formula = formula or formula_root(root / "formula")
        options = minion_options(root, NODE, formula, self.folder)
        options["file_roots"].update(WHEELS)
        self.loaders = Loaders(options)

    def pillar(self):
        secrets = self.cluster["secrets"]["keystone"]
        secrets.update(
            fernet_keys=self.keyring["fernet"], credential_keys=self.keyring["credential"]
        )
        return self.cluster

    def write(self):
        text = json.dumps({"openstack_ha": self.pillar()})
        (self.folder / "openstack_ha.sls").write_text(f"#!json\n{text}", encoding="utf-8")

    def rotate(self, lifetime=HOUR):
        self.keyring = openstack_ha_fernet.rotated(self.keyring, time.time(), lifetime)
        self.write()

    def sls(self, name, **more):
        return self.loaders.modules.state.sls(name, **more)

    def apply(self, *names):
        """Apply states, all of which succeed."""
        for name in names:
            result = self.sls(f"openstack_ha.{name}")
            # What does not compile has no states.
            assert list(result), result.raw
            failed = not_applied(result)
            assert failed == [], [(one.id, one.comment) for one in failed]

    def said_of(self, service, file, options):
        """What a service's state says of a file for which there are these options for once."""
        section = self.cluster.setdefault(service, {})
        before = section.get("options")
        section["options"] = options
        self.write()
        try:
            result = self.sls(f"openstack_ha.{service}.config")
        finally:
            section["options"] = before or {}
            self.write()
        (said,) = [one for one in result if one.id == f"openstack_ha_{service}_{file}"]
        return said

    @property
    def keystone(self):
        return self.loaders.modules.openstack_ha_keystone

    @property
    def db_sync(self):
        return self.loaders.modules.openstack_ha_db_sync

    @property
    def word(self):
        return self.loaders.modules.openstack_ha_word

    @property
    def states(self):
        return self.loaders.states


def founded(root, cluster, formula=None):
    """
    Return a site that has the VIP, a database, a cache and HAProxy; ``formula`` is the folder of
    another one than this.
    """
    made = Site(root, cluster, formula)
    vip = cluster["vip"]["address"]
    subprocess.run(["ip", "address", "replace", f"{vip}/32", "dev", "eth0"], check=True)
    made.apply("python", "hosts", "authority", "galera.config")
    galera = made.loaders.modules.openstack_ha_galera
    if galera.server() != "running":
        galera.bootstrap(galera.evidence()["position"])
    leftovers.forget_services()
    galera.accounts_apply()
    made.apply("memcached", "keystone.config", "health", "haproxy")
    return made


def serve_keystone(site):
    """Take the master's steps in their order."""
    site.keystone.take_keys()
    site.db_sync.sync("keystone")
    site.keystone.bootstrap()
    site.apply("keystone")
    api(site, "GET", "/healthcheck", until=200)


def serve(site, service, port):
    """Apply another service, and the objects of all of them in Keystone."""
    site.apply(service)
    api(site, "GET", "/healthcheck", until=200, port=port)
    site.word.hear("keystone", "settled", "all is well", owner=NODE)
    site.apply("keystone.identity")


def api(site, method, path, body=None, token=None, until=None, port=5000, version=None):
    """
    Ask through the VIP; status, headers and answer. ``until`` waits for a status, ``version`` is
    that of an API which has several at once.
    """
    url = f"https://{site.cluster['vip']['address']}:{port}{path}"
    context = ssl.create_default_context(cadata=site.cluster["tls"]["ca"])
    headers = {"Content-Type": "application/json", **({"X-Auth-Token": token} if token else {})}
    if version:
        headers["OpenStack-API-Version"] = version
    data = json.dumps(body).encode() if body else None
    deadline = time.monotonic() + 300
    while True:
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30, context=context) as got:
                found = got.status, got.headers, got.read()
        except urllib.error.HTTPError as exc:
            found = exc.code, exc.headers, exc.read()
        if until in (None, found[0]) or time.monotonic() > deadline:
            assert until in (None, found[0]), found
            return found
        time.sleep(0.2)


def token_of(site, user="admin", password=None, project="admin"):
    domain = {"id": "default"}
    password = password or site.cluster["secrets"]["keystone"]["admin"]
    identity = {"user": {"name": user, "domain": domain, "password": password}}
    auth = {
        "identity": {"methods": ["password"], "password": identity},
        "scope": {"project": {"name": project, "domain": domain}},
    }
    status, headers, text = api(site, "POST", "/v3/auth/tokens", {"auth": auth})
    assert status == 201, text
    return headers["X-Subject-Token"]
