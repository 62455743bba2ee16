"""pysaml2 would rename attributes; with this map they keep the names that the test gives."""

MAP = {"identifier": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic", "fro": {}, "to": {}}
