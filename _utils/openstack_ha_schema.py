"""
The schema of the cluster file: every key, its meaning, its default.

One table serves the check on the master, the defaults that SLS files see and the pillar
reference in the documentation. Each system's options and secrets stand in its own description;
here is what is the whole cluster's. Rules that need more than one key (addresses, counts, secrets)
stand in ``openstack_ha_cluster``.
"""

import copy

import openstack_ha_option_types as option
import openstack_ha_systems

ROLES = ("controller", "proxy", "compute", "storage")

CERTIFICATE_PATTERN = (
    r"^(-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+-----END CERTIFICATE-----\n*)+$"
)
KEY_PATTERN = (
    r"^-----BEGIN (RSA |EC )?PRIVATE KEY-----\n"
    r"[A-Za-z0-9+/=\n]+-----END (RSA |EC )?PRIVATE KEY-----\n*$"
)
NO_PEM = "is no {} in PEM, each line at the same indentation"
HOST_LABEL_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"

NETWORK = {
    "type": "object",
    "description": "the cluster's networks",
    "required": ["management"],
    "additionalProperties": False,
    "properties": {
        "management": option.string(
            "the network of the nodes' addresses and of the VIP, as a CIDR"
        ),
        "provider": {
            "enum": ["nova_network", "neutron"],
            "description": "who gives machines their network; without it there are no machines",
        },
    },
}

VIP = {
    "type": "object",
    "description": "the one virtual address that everybody uses",
    "required": ["address"],
    "additionalProperties": False,
    "properties": {
        "address": option.string("the address; a free one of network:management"),
        "fqdn": option.string("the name that users and services use for the address"),
        "interface": option.string(
            "the interface that carries the VIP; default: the one that has the node's address"
        ),
        "router_id": option.integer(
            "VRRP virtual router id; unique among the VRRP speakers of the segment", 51, 1, 255
        ),
        "prefixlen": {
            "type": "integer",
            "description": "prefix length of network:management; worked out, not set",
            "minimum": 8,
            "maximum": 128,
        },
    },
}

NODE = {
    "type": "object",
    "description": "one node, or several by ranges: ctl[1-3] with 10.0.0.11-13",
    "required": ["address", "roles"],
    "additionalProperties": False,
    "properties": {
        "address": option.string(
            "the node's address in network:management, or a range 10.0.0.11-13"
        ),
        "roles": {
            "type": "array",
            "description": "what the node does",
            "items": {"enum": list(ROLES)},
            "minItems": 1,
            "uniqueItems": True,
        },
        "hostname": option.string(
            "the node's short name; default: its minion id up to the first dot",
            pattern=HOST_LABEL_PATTERN,
        ),
        "interface": option.string("the interface that has the address; default: looked up"),
        **openstack_ha_systems.node_options(),
    },
}

TLS = option.section(
    "TLS on the VIP, for all that speaks HTTP there",
    plain_http=option.boolean(
        "no TLS: passwords and tokens go over the network as they are", False
    ),
    certificate=option.string(
        "the certificate for vip:fqdn in PEM, followed by those between it and the authority's",
        pattern=CERTIFICATE_PATTERN,
        fault=NO_PEM.format("certificate"),
    ),
    ca=option.string(
        "the authority's certificate in PEM, where the nodes do not believe it anyway",
        pattern=CERTIFICATE_PATTERN,
        fault=NO_PEM.format("certificate"),
    ),
)

SECRETS = {
    "type": "object",
    "description": "every secret; give the file to Salt's gpg, vault or sdb renderers",
    "default": {},
    "additionalProperties": False,
    "properties": {
        "tls": option.entry(
            key=option.string(
                "the private key of tls:certificate in PEM, without a password",
                pattern=KEY_PATTERN,
                fault=NO_PEM.format("private key without a password"),
            )
        ),
        **{name: option.entry(**keys) for name, keys in openstack_ha_systems.secrets().items()},
    },
}

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["name", "network", "vip", "nodes"],
    "additionalProperties": False,
    "properties": {
        "name": option.string(
            "the cluster's name; part of event tags", pattern=option.IDENTIFIER_PATTERN
        ),
        "release": {
            "enum": ["zed"],
            "description": "the OpenStack release; zed is Debian 12's",
            "default": "zed",
        },
        "allow_even_controllers": option.boolean(
            "accept an even number of controllers, which a split down the middle stops as a whole",
            False,
        ),
        "network": NETWORK,
        "vip": VIP,
        "tls": TLS,
        "nodes": {
            "type": "object",
            "description": "minion id -> node",
            "minProperties": 1,
            "additionalProperties": NODE,
        },
        **openstack_ha_systems.options(),
        "secrets": SECRETS,
        "view_of": option.string("the minion whose view this is; set by the master, not by hand"),
    },
}


def with_defaults(data, schema=None):
    """
    Return a copy of ``data`` in which every missing key has its default.

    data
        The value; anything that the schema describes.

    schema
        The schema of ``data``; default: the cluster file's.
    """
    schema = SCHEMA if schema is None else schema
    if isinstance(data, list):
        return [with_defaults(item, schema.get("items", {})) for item in data]
    if not isinstance(data, dict):
        return copy.deepcopy(data)
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    filled = {
        key: with_defaults(value, properties.get(key, others if isinstance(others, dict) else {}))
        for key, value in data.items()
    }
    for key, sub in properties.items():
        if key not in filled and "default" in sub:
            filled[key] = with_defaults(sub["default"], sub)
    return filled


def faults(data):
    """
    Return every fault of ``data`` against the schema as ``{"path": [..], "text": ".."}``.

    data
        The cluster file's content under the key ``openstack_ha``.

    Secrets are named by path only, never by value. Needs the package jsonschema.
    """
    import jsonschema

    validator = jsonschema.Draft202012Validator(SCHEMA)
    return [
        {"path": list(error.absolute_path), "text": _text(error)}
        for error in sorted(validator.iter_errors(data), key=lambda e: [str(p) for p in e.path])
    ]


def _text(error):
    if error.validator in ("pattern", "type") and "fault" in error.schema:
        return error.schema["fault"].format(error.instance)
    if "secrets" in list(error.absolute_path)[:1] and error.validator in ("pattern", "type"):
        return (
            "is no usable secret: it takes 12 to 128 of the characters A-Z a-z 0-9 _ . ~ + = - "
            "(`salt-run openstack_ha.secrets` makes good ones)"
        )
    if error.validator == "additionalProperties":
        known = ", ".join(sorted(error.schema.get("properties", {})))
        unknown = sorted(set(error.instance) - set(error.schema.get("properties", {})))
        return f"unknown keys {', '.join(map(repr, unknown))}; known here: {known}"
    if error.validator == "enum":
        choices = ", ".join(map(str, error.validator_value))
        return f"{error.instance!r} is not one of {choices}"
    if error.validator == "required":
        return error.message.replace("is a required property", "is missing and has no default")
    return error.message
