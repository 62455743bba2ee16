<?php

require_once __DIR__ . '/../peer.php';

$peer = peer();
$metadata[$peer['entity']] = [
    'host' => '__DEFAULT__',
    'auth' => 'people',
    'privatekey' => $peer['key'] . '.key',
    'certificate' => $peer['key'] . '.crt',
    'validate.authnrequest' => true,
    'redirect.validate' => true,
    'sign.logout' => true,
    'assertion.encryption' => $peer['encrypted'],
    'attributes.NameFormat' => 'urn:oasis:names:tc:SAML:2.0:attrname-format:basic',
    'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
    'authproc' => [
        10 => [
            'class' => 'saml:AttributeNameID',
            'attribute' => 'uid',
            'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
        ],
    ],
];
if ($peer['posted']) {
    $metadata[$peer['entity']]['SingleSignOnServiceBinding'] = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST';
}
// The certificate that it will sign with next, published beside the one in use.
if ($peer['next'] !== '') {
    $metadata[$peer['entity']]['new_privatekey'] = $peer['next'] . '.key';
    $metadata[$peer['entity']]['new_certificate'] = $peer['next'] . '.crt';
}
