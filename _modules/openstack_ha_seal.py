"""
Answers of this node that nobody else can give: signed by the key that the master has accepted.

Salt checks who is at the other end of a connection, and then takes that one's word for whose return
it brings: the messages of a syndic and of a resource may name any minion. So what the master
decides by is signed here and checked there.
"""

import base64
import json
import os

import salt.crypt

__virtualname__ = "openstack_ha_seal"


def __virtual__():
    return __virtualname__


def seal(question, answer):
    """
    Return an answer as signed text.

    question
        What the master made up for this question alone, so that no old answer stands for a new one.

    answer
        A mapping that JSON can hold.

    Returns ``{"text": .., "seal": ..}``.

    CLI Example:

    .. code-block:: bash

        salt ctl1 openstack_ha_seal.seal 1d4b '{is_synced: true}'
    """
    content = {"node": __opts__["id"], "question": question, "answer": answer}
    text = json.dumps(content, sort_keys=True)
    signed = salt.crypt.sign_message(
        os.path.join(__opts__["pki_dir"], "minion.pem"),
        text.encode(),
        algorithm=salt.crypt.PKCS1v15_SHA224,
    )
    return {"text": text, "seal": base64.b64encode(signed).decode()}
