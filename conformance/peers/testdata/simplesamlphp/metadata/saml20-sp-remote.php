<?php

require_once __DIR__ . '/../peer.php';

// The service provider is whoever its own metadata says, as SimpleSAMLphp itself reads them.
$document = getenv('PEER_FOLDER') . '/sp.xml';
if (file_exists($document)) {
    foreach (SimpleSAML\Metadata\SAMLParser::parseDescriptorsString(file_get_contents($document)) as $id => $parsed) {
        $metadata[$id] = $parsed->getMetadata20SP();
    }
}
