"""
The schema of the cluster file: every key, its meaning, its default.

One table serves the check on the master, the defaults that SLS files see and the pillar
reference in the documentation. Each system's options and secrets stand in its own description;
here is what is the whole cluster's. Rules that need more than one key (addresses, counts, secrets)
stand in ``openstack_ha_cluster``.
"""

import copy
import math
import re
import unicodedata

import openstack_ha_fault_text
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
# RFC 1123; the last label of an address begins with a digit, and that of no name does.
FQDN_PATTERN = (
    r"^([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$"
)
NO_FQDN = (
    "{0!r} is no name of a host, such as cloud.example.org; it takes no address, no scheme and no "
    "port. Without vip:fqdn the name is <name>.vip"
)

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
        "fqdn": option.string(
            "the name that users and services use for the address",
            pattern=FQDN_PATTERN,
            fault=NO_FQDN,
        ),
        "interface": option.string(
            "the interface that carries the VIP; default: the one that has the node's address",
            pattern=option.INTERFACE_PATTERN,
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
        "interface": option.string(
            "the interface that has the address; default: looked up",
            pattern=option.INTERFACE_PATTERN,
        ),
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
        lines=True,
        fault=NO_PEM.format("certificate"),
    ),
    ca=option.string(
        "the authority's certificate in PEM, where the nodes do not believe it anyway",
        pattern=CERTIFICATE_PATTERN,
        lines=True,
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
                lines=True,
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
        "version": option.string("of the file that the view was made of; set by the master, too"),
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

    A pattern is of the whole text, a text is one line without control characters unless its schema
    has ``lines``, an integer is written as one, and a number is finite. Where a key is no text,
    nothing else is looked at: YAML has read something else than what stands there.
    """
    keys = list(_key_faults(data, []))
    if keys:
        return keys
    found, texts = [], set()
    for error in sorted(_validator().iter_errors(data), key=lambda e: [str(p) for p in e.path]):
        path = list(error.absolute_path)
        # A text with a line break has not its pattern either; that is one fault.
        if isinstance(error.instance, str):
            place = (*path, error.instance)
            if place in texts:
                continue
            texts.add(place)
        found.append({"path": path, "text": openstack_ha_fault_text.text(error)})
    return found


def _key_faults(data, path):
    if isinstance(data, list):
        for index, item in enumerate(data):
            yield from _key_faults(item, [*path, index])
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(key, str):
                yield from _key_faults(value, [*path, key])
            else:
                yield {
                    "path": [*path, str(key)],
                    "text": f"YAML reads this key as {key!r}, which is no text; put it in quotes",
                }


def _validator():
    import jsonschema

    base = jsonschema.Draft202012Validator
    kinds = base.TYPE_CHECKER.redefine_many({"integer": _is_integer, "number": _is_number})
    rules = {"type": _type_rule(base.VALIDATORS["type"]), "pattern": _pattern_rule}
    return jsonschema.validators.extend(base, validators=rules, type_checker=kinds)(SCHEMA)


def _is_integer(_checker, value):
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(checker, value):
    is_finite = isinstance(value, float) and math.isfinite(value)
    return is_finite or _is_integer(checker, value)


def _type_rule(of_base):
    import jsonschema

    def rule(validator, wanted, value, schema):
        yield from of_base(validator, wanted, value, schema)
        if isinstance(value, str) and not schema.get("lines") and (name := _control_of(value)):
            yield jsonschema.ValidationError(
                f"{openstack_ha_fault_text.CONTROL}{name}; it is one line of plain text"
            )

    return rule


def _control_of(text):
    """What a text has that ends a line or shows as nothing, in words; None where it has none."""
    for char in text:
        if char in "\n\r\x0b\x0c\x85\u2028\u2029":
            return "a line break (YAML's `|` and `>` leave one at the end: take `|-`)"
        if unicodedata.category(char) in ("Cc", "Cf", "Cs"):
            return f"the control character U+{ord(char):04X}"
    return None


def _pattern_rule(_validator, pattern, value, _schema):
    import jsonschema

    if isinstance(value, str) and not re.fullmatch(pattern, value):
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")
