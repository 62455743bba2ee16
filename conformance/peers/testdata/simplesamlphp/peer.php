<?php

// What the test decides is in one file, which it may change at any time; everything else is in the files beside this one.
function peer(): array
{
    return json_decode(file_get_contents(getenv('PEER_FOLDER') . '/peer.json'), true, 16, JSON_THROW_ON_ERROR);
}
