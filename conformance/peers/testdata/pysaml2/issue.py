"""An identity provider of pysaml2 and xmlsec1, for one document: reads a task as JSON, writes what it asks for.

{"key", "cert": files, "entity", "signIn": our entityID and URL, "sp": file with the metadata of the service provider,
 "request": SAMLRequest as it came in the query, or "" for our own metadata,
 "subject", "attributes": {name: [values]}, "signResponse", "signAssertion", "encrypted": booleans}
"""
import json
import os
import sys

import saml2.entity
import saml2.sigver
from saml2 import BINDING_HTTP_REDIRECT, saml, xmldsig
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.metadata import entity_descriptor
from saml2.server import Server

GCM = "http://www.w3.org/2009/xmlenc11#aes256-gcm"


def provider(task):
    return IdPConfig().load({
        "entityid": task["entity"],
        "key_file": task["key"],
        "cert_file": task["cert"],
        "xmlsec_binary": "/usr/bin/xmlsec1",
        "attribute_map_dir": os.path.join(os.path.dirname(__file__), "names"),
        "metadata": {"local": [task["sp"]]} if task["request"] else {},
        "service": {"idp": {
            "endpoints": {"single_sign_on_service": [(task["signIn"], BINDING_HTTP_REDIRECT)]},
            "want_authn_requests_signed": False,
            "policy": {"default": {
                "lifetime": {"minutes": 5},
                "attribute_restrictions": None,
                "name_form": saml.NAME_FORMAT_BASIC,
                "sign": [],
            }},
        }},
    })


def strong(server):
    """pysaml2 encrypts by Triple DES and cannot be told otherwise; we put AES-256-GCM in its place."""
    made = saml2.sigver.pre_encryption_part
    saml2.entity.pre_encryption_part = lambda **kw: made(msg_enc=GCM, **kw)
    crypto = server.sec.crypto
    server.sec.encrypt_assertion = lambda statement, key, template, node_xpath=None: crypto.encrypt_assertion(
        statement, key, template, "aes-256", node_xpath)


def response(task, config):
    server = Server(config=config)
    strong(server)
    request = server.parse_authn_request(task["request"], BINDING_HTTP_REDIRECT).message
    asked = server.response_args(request)
    return server.create_authn_response(
        task["attributes"],
        in_response_to=request.id,
        destination=asked["destination"],
        sp_entity_id=request.issuer.text,
        name_id=saml.NameID(format=saml.NAMEID_FORMAT_PERSISTENT, text=task["subject"]),
        authn={"class_ref": PASSWORDPROTECTEDTRANSPORT, "authn_auth": task["entity"]},
        sign_response=task["signResponse"],
        sign_assertion=task["signAssertion"],
        encrypt_assertion=task["encrypted"],
        encrypt_assertion_self_contained=True,
        sign_alg=xmldsig.SIG_RSA_SHA256,
        digest_alg=xmldsig.DIGEST_SHA256,
    )


task = json.load(sys.stdin)
config = provider(task)
print(response(task, config) if task["request"] else entity_descriptor(config))
