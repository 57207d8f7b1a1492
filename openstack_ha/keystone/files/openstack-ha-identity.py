"""
Keystone's API for Salt, whose own Python does not see the system's openstacksdk.

One process is one batch: a line of JSON on stdin, a line on stdout. It only reads lists and sends
requests; what is to be sent is decided by the formula.

    {"do": "read", "auth": {..}, "passwords": [[domain, user, password], ..]}
    {"do": "send", "auth": {..}, "requests": [{"method", "path", "body"}, ..]}
"""

import json
import sys
from http import HTTPStatus

import keystoneauth1.exceptions
import keystoneauth1.session
import openstack
from keystoneauth1.identity import v3

LISTS = {
    "domains": "/domains",
    "projects": "/projects",
    "users": "/users",
    "roles": "/roles",
    "services": "/services",
    "endpoints": "/endpoints",
    "role_assignments": "/role_assignments",
}
# Seconds for one request, and for its connection: one that was begun while the VIP moved is lost.
TIMEOUT = 20
RETRIES = 3


def main():
    asked = json.load(sys.stdin)
    auth = asked["auth"]
    connection = openstack.connect(
        auth_type="password",
        auth_url=auth["auth_url"],
        username="admin",
        password=auth["password"],
        project_name="admin",
        user_domain_id="default",
        project_domain_id="default",
        region_name=auth["region"],
        load_envvars=False,
        load_yaml_config=False,
        identity_api_version="3",
        identity_endpoint_override=auth["auth_url"],
        api_timeout=TIMEOUT,
    )
    try:
        answer = {"read": read, "send": send}[asked["do"]](connection.identity, asked)
    except keystoneauth1.exceptions.ClientException as exc:
        answer = {"error": f"{type(exc).__name__}: {exc}"}
    json.dump(answer, sys.stdout)


def read(identity, asked):
    """Return all lists, and which of the passwords are their users'."""
    lists = {name: listed(identity, name, path) for name, path in LISTS.items()}
    fits = [
        [domain, user, authenticates(asked["auth"]["auth_url"], domain, user, password)]
        for domain, user, password in asked["passwords"]
    ]
    return {"lists": lists, "passwords": fits}


def listed(identity, name, path):
    """Return a whole list, page by page where Keystone makes pages."""
    found = []
    while path:
        page = identity.get(path, connect_retries=RETRIES, raise_exc=True).json()
        found += page[name]
        path = (page.get("links") or {}).get("next")
    return found


def authenticates(auth_url, domain, user, password):
    """Return whether it is the user's password; None where that cannot be told."""
    method = v3.Password(
        auth_url=auth_url,
        username=user,
        user_domain_name=domain,
        password=password,
        unscoped=True,
    )
    try:
        method.get_token(keystoneauth1.session.Session(timeout=TIMEOUT))
    except keystoneauth1.exceptions.Unauthorized:
        return False
    return True


def send(identity, asked):
    """Send requests in their order; what somebody else did meanwhile is no error."""
    refused = []
    for one in asked["requests"]:
        body = {} if one["body"] is None else {"json": one["body"]}
        answer = identity.request(
            one["path"], one["method"], raise_exc=False, connect_retries=RETRIES, **body
        )
        is_done = answer.status_code == HTTPStatus.CONFLICT and one["method"] == "POST"
        is_gone = answer.status_code == HTTPStatus.NOT_FOUND and one["method"] == "DELETE"
        if answer.status_code >= HTTPStatus.BAD_REQUEST and not (is_done or is_gone):
            # The answer names what is wrong and does not repeat the request, which has passwords.
            refused.append(f"{one['method']} {one['path']}: {answer.status_code} {reason(answer)}")
    return {"refused": refused}


def reason(answer):
    try:
        return answer.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return answer.reason


main()
