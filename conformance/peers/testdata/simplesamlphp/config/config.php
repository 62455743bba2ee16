<?php

require_once __DIR__ . '/../peer.php';

$peer = peer();
$folder = getenv('PEER_FOLDER') . '/';
$config = [
    'baseurlpath' => $peer['url'] . '/simplesaml/',
    'certdir' => $folder,
    'loggingdir' => $folder,
    'datadir' => $folder,
    'tempdir' => $folder . 'tmp',
    'metadatadir' => __DIR__ . '/../metadata/',
    'secretsalt' => $peer['salt'],
    'auth.adminpassword' => $peer['salt'],
    'technicalcontact_email' => 'root@idp.test',
    'timezone' => 'UTC',
    'enable.saml20-idp' => true,
    'module.enable' => ['core' => true, 'exampleauth' => true, 'saml' => true],
    'logging.handler' => 'errorlog',
    'logging.format' => '%level %msg',
    'logging.level' => SimpleSAML\Logger::INFO,
    'showerrors' => true,
    'errorreporting' => false,
    'admin.checkforupdates' => false,
    'session.cookie.name' => 'PeerSession',
    'session.cookie.secure' => false,
    'session.cookie.samesite' => 'Lax',
    'session.authtoken.cookiename' => 'PeerToken',
    'session.phpsession.cookiename' => 'Peer',
    'session.phpsession.savepath' => $folder . 'tmp',
    'language.default' => 'en',
    'language.cookie.secure' => false,
    'language.cookie.samesite' => 'Lax',
    'metadata.sources' => [['type' => 'flatfile']],
    'store.type' => 'phpsession',
    'trusted.url.domains' => ['127.0.0.1', '127.0.0.2'],
];
