"""
Keystone's objects: domains, projects, users, roles, services, endpoints, and who may do what.

They are read as whole lists and sent as requests, by Salt's own HTTP library: starting the
system's Python with openstacksdk takes longer than all that is asked.
"""

import requests
import requests.adapters
import urllib3
from salt.exceptions import CommandExecutionError

__virtualname__ = "openstack_ha_identity"

LISTS = (
    "domains",
    "projects",
    "users",
    "roles",
    "services",
    "endpoints",
    "role_assignments",
)
# The system's, to which openstack_ha.authority adds the VIP's; Salt's own Python has another one.
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
# Seconds for one request, and for its connection: one that was begun while the VIP moved is lost.
TIMEOUT = 20
RETRIES = 3
# Domains; what is in them; what names these.
ROUNDS = 4


def __virtual__():
    return __virtualname__


def is_owner():
    """
    Return whether the master has named this controller to look after the objects; None when it has
    named nobody yet.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_identity.is_owner
    """
    word = __salt__["openstack_ha_word.last"]("keystone") or {}
    return word.get("owner") and word["owner"] == __opts__["id"]


def pending(prune=False):
    """
    Return what of the pillar's objects differs, as a list of ``{"kind", "key", "change", "old",
    "new"}``, without any password.

    prune
        Whether what the formula has made and the pillar does not name any more counts.

    Raises CommandExecutionError when Keystone does not answer.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_identity.pending
    """
    return _look(prune)[0]


def apply(prune=False):
    """
    Create, correct and, if told so, remove objects until nothing differs any more.

    prune
        As for ``pending``.

    Returns what still differs, as ``pending``.

    Raises CommandExecutionError when Keystone does not answer, or refuses a request.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_identity.apply
    """
    changes, found = _look(prune)
    for _ in range(ROUNDS):
        wanted = __utils__["openstack_ha_identity.requests"](changes, found)
        if not wanted:
            break
        with _Keystone() as keystone:
            refused = [*filter(None, map(keystone.refusal, map(_with_password, wanted)))]
        if refused:
            raise CommandExecutionError("Keystone refused: " + "; ".join(refused))
        changes, found = _look(prune)
    return changes


def _look(prune):
    view = __salt__["openstack_ha.view"]()
    systems = __utils__["openstack_ha_cluster.all_systems"](view)
    should = __utils__["openstack_ha_identity.wanted"](view, systems)
    with _Keystone() as keystone:
        lists = {name: keystone.listed(name) for name in LISTS}
        fits = {
            (domain, name): keystone.authenticates(domain, name, _password(name))
            for domain, name in should["user"]
        }
    found = __utils__["openstack_ha_identity.known"](lists)
    return __utils__["openstack_ha_identity.diff"](should, found, fits, prune), found


def _with_password(request):
    """The request as it is sent."""
    user, body = request["user"], request["body"]
    if user:
        body = {"user": {**body["user"], "password": _password(user[1])}}
    return {"method": request["method"], "path": request["path"], "body": body}


def _password(user):
    return __salt__["openstack_ha.secret"](f"keystone:users:{user}")


class _Keystone:
    """Keystone's API for its administrator; what goes wrong within the block says what helps."""

    def __enter__(self):
        self.url = __salt__["openstack_ha_keystone.clients"]()["auth_url"]
        self.http = requests.Session()
        # What the minion's environment says of proxies and authorities is not meant for the VIP.
        self.http.trust_env = False
        self.http.verify = AUTHORITIES
        # Of requests that Keystone may have heard only those that can be repeated are.
        retries = urllib3.Retry(total=RETRIES, status=0, backoff_factor=0.5)
        self.http.mount("http", requests.adapters.HTTPAdapter(max_retries=retries))
        try:
            answer = self._log_in(
                {"name": "admin", "domain": {"id": "default"}},
                __salt__["openstack_ha.secret"]("keystone:admin"),
                {"project": {"name": "admin", "domain": {"id": "default"}}},
            )
            answer.raise_for_status()
        except requests.RequestException as exc:
            self.http.close()
            raise self._failed(exc) from exc
        self.http.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        return self

    def __exit__(self, _kind, exc, _trace):
        self.http.close()
        if isinstance(exc, requests.RequestException):
            raise self._failed(exc) from exc

    def listed(self, name):
        """Return a whole list, page by page where Keystone makes pages."""
        found, url = [], f"{self.url}/{name}"
        while url:
            answer = self.http.get(url, timeout=TIMEOUT)
            answer.raise_for_status()
            page = answer.json()
            found += page[name]
            url = (page.get("links") or {}).get("next")
        return found

    def authenticates(self, domain, user, password):
        """Return whether it is the user's password."""
        answer = self._log_in({"name": user, "domain": {"name": domain}}, password, "unscoped")
        if answer.status_code == requests.codes.unauthorized:
            return False
        answer.raise_for_status()
        return True

    def refusal(self, one):
        """Send a request; return Keystone's refusal, None where it did as asked."""
        method, path = one["method"], one["path"]
        answer = self.http.request(method, self.url + path, json=one["body"], timeout=TIMEOUT)
        # What somebody else did meanwhile is no error.
        done = {"POST": requests.codes.conflict, "DELETE": requests.codes.not_found}
        if answer.ok or answer.status_code == done.get(method):
            return None
        # The answer names what is wrong and does not repeat the request, which has passwords.
        return f"{method} {path}: {answer.status_code} {_reason(answer)}"

    def _log_in(self, user, password, scope):
        identity = {"methods": ["password"], "password": {"user": {**user, "password": password}}}
        body = {"auth": {"identity": identity, "scope": scope}}
        return self.http.post(f"{self.url}/auth/tokens", json=body, timeout=TIMEOUT)

    def _failed(self, exc):
        return CommandExecutionError(
            f"Keystone on {self.url} did not do as asked: {exc}. If it does not know the "
            f"administrator's password, `salt {__opts__['id']} openstack_ha_keystone.bootstrap` "
            "gives him the pillar's"
        )


def _reason(answer):
    try:
        return answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return answer.reason
