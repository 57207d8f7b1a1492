"""
What kinds of values there are in the cluster file, as JSON schemas.

An option's ``description`` says what it is and in which unit. Texts that get into other files are
inert there by their ``pattern``.
"""

# Printable, and inert in every file a secret is written to (INI, YAML, HAProxy, Erlang, URL).
SECRET_PATTERN = r"^[A-Za-z0-9_.~+=-]{12,128}$"
IDENTIFIER_PATTERN = r"^[A-Za-z][A-Za-z0-9_-]{0,31}$"
# What Keystone's objects are called; inert in headers and paths.
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$"
# Fifteen characters are what the kernel has for an interface's name (IFNAMSIZ).
INTERFACE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$"


def string(description, **more):
    """
    Return the schema of a text.

    description
        What it is.

    more
        Further keys, e.g. ``default`` and ``pattern``; ``fault`` is what is said of a text that
        has not the pattern, where that says too little, with ``{0!r}`` in the text's place.
    """
    return {"type": "string", "description": description, **more}


def integer(description, default, minimum, maximum):
    """
    Return the schema of an integer.

    description
        What it is, with its unit.

    default
        None where it has none.

    minimum, maximum
        Both are allowed.
    """
    schema = {
        "type": "integer",
        "description": description,
        "minimum": minimum,
        "maximum": maximum,
    }
    return schema if default is None else {**schema, "default": default}


def number(description, default, minimum, maximum):
    """
    Return the schema of a number, as ``integer`` does.

    description, default, minimum, maximum
        As there.
    """
    return {**integer(description, default, minimum, maximum), "type": "number"}


def port(description, default):
    """
    Return the schema of a TCP port.

    description, default
        As ``integer`` has them.
    """
    return integer(description, default, 1, 65535)


def boolean(description, default):
    """
    Return the schema of a yes or no.

    description
        What it is.

    default
        True or False.
    """
    return {"type": "boolean", "description": description, "default": default}


def section(description, **properties):
    """
    Return the schema of a section: optional as a whole, and so is each of its keys.

    description
        What it is about.

    properties
        The schemas of its keys.
    """
    return {
        "type": "object",
        "description": description,
        "default": {},
        "additionalProperties": False,
        "properties": properties,
    }


def service(description, **properties):
    """
    Return the schema of the section of a service of OpenStack's, with ``workers`` and ``options``.

    description, properties
        As ``section`` has them; options that are none of oslo's are among the latter.
    """
    return section(description, **{"workers": WORKERS, "options": OSLO_OPTIONS, **properties})


def mapping(description, values, keys=IDENTIFIER_PATTERN, default=None):
    """
    Return the schema of a mapping whose keys the user chooses.

    description
        What it is.

    values
        The schema of each value.

    keys
        The pattern of the keys, or their schema.

    default
        None where it has none.
    """
    schema = {
        "type": "object",
        "description": description,
        "propertyNames": {"pattern": keys} if isinstance(keys, str) else keys,
        "additionalProperties": values,
    }
    return schema if default is None else {**schema, "default": default}


def entry(**properties):
    """
    Return the schema of one of many objects of the user's; each of its keys is optional.

    properties
        The schemas of its keys.
    """
    return {"type": "object", "additionalProperties": False, "properties": properties}


def secret(description):
    """
    Return the schema of a secret.

    description
        What it is.
    """
    return string(description, pattern=SECRET_PATTERN)


def secrets(description, keys=IDENTIFIER_PATTERN):
    """
    Return the schema of secrets by a name that the user chooses.

    description, keys
        As ``mapping`` has them.
    """
    return mapping(description, secret("a secret"), keys)


VALUE = {"type": ["string", "number", "boolean"]}
NOT_DEFAULT = {
    "pattern": r"^(DEFAULT|(?!(?i:default)$).+)$",
    "fault": "{0!r} is read by nobody; the section of what is for all is DEFAULT",
}


SECTIONS = {"allOf": [{"pattern": r"^[A-Za-z0-9_:-]+$"}, NOT_DEFAULT]}
NAMES = r"^[^\s=:#;\[\]]+$"
SECRET_OPTIONS = mapping(
    "options of a configuration file that are secrets, by section",
    mapping(
        "secret options of a section",
        string(
            "a secret that is somebody else's, as an LDAP server's",
            pattern=r"^\S(.{0,1022}\S)?$",
            fault="is no usable secret: it takes one line of up to 1024 characters that neither "
            "begins nor ends with a space",
        ),
        keys=NAMES,
    ),
    keys=SECTIONS,
)


def several(value):
    """
    Return the schema of a value or of a list of such values, where an option may have several.

    value
        The schema of one.
    """
    return {**value, "type": [*value["type"], "array"], "items": value, "minItems": 1}


def file_options(value):
    """
    Return the schema of options of a configuration file.

    value
        The schema of an option's value.
    """
    return mapping(
        "options of a configuration file over the formula's own, by section",
        mapping("options of a section", value, keys=NAMES),
        keys=SECTIONS,
        default={},
    )


# Of files in which an option that stands there again has one more value (oslo's MultiStrOpt).
OSLO_OPTIONS = file_options(several(VALUE))
# Of Swift's, in which the last one counts, or none does.
FILE_OPTIONS = file_options(VALUE)

WORKERS = {
    "description": "processes; auto is one a core",
    "anyOf": [{"enum": ["auto"]}, {"type": "integer", "minimum": 1, "maximum": 256}],
    "default": "auto",
}
