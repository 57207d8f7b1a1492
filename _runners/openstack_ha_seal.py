"""
Whether an answer is the node's own, by the key that was accepted for it.
"""

import base64
import binascii
import json
import logging
import os

import salt.crypt

log = logging.getLogger(__name__)

__virtualname__ = "openstack_ha_seal"


def __init__(opts):
    __utils__["openstack_ha_command.guard"](globals())


def __virtual__():
    return __virtualname__


def opened(node, question, sealed):
    """
    Return the answer that a node has signed, or None when it is not the node's.

    node
        The minion id.

    question
        What the answer must be to.

    sealed
        ``{"text": .., "seal": ..}`` as it came.

    CLI Example:

    .. code-block:: bash

        salt-run openstack_ha_seal.opened ctl1 1d4b '{text: "{}", seal: ""}'
    """
    content = _content(node, sealed)
    if content is None or content["node"] != node or content["question"] != question:
        log.error("openstack_ha: an answer in the name of %s is not its own; it is ignored", node)
        return None
    return content["answer"]


def _content(node, sealed):
    """What a node has signed; None when the text is not signed by it."""
    key = os.path.join(__opts__["pki_dir"], "minions", node)
    try:
        text, signed = sealed["text"], base64.b64decode(sealed["seal"])
        is_own = salt.crypt.verify_signature(
            key, text.encode(), signed, algorithm=salt.crypt.PKCS1v15_SHA224
        )
        return json.loads(text) if is_own else None
    except (KeyError, TypeError, AttributeError, ValueError, binascii.Error, OSError) as exc:
        log.error("openstack_ha: no seal of %s: %r", node, exc)
        return None
