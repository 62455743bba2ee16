<?php

require_once __DIR__ . '/../peer.php';

$config = ['people' => ['exampleauth:UserPass'] + peer()['people']];
