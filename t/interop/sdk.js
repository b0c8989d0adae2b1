// Civic's own server SDK, as it is on disk, for a service that is not Civic's production.
//
// The API's address is an option of newClient (`api`). The key that verifies what the service signs
// is a constant of the SDK's index.js and no option reaches it. So at run time `verify` of its
// lib/jwt, through which all verification goes, is given the sandbox's key wherever it is asked for
// with production's. What it does with a key is the SDK's own.
'use strict';

const civicSip = require('civic-sip-api');
const jwt = require('civic-sip-api/lib/jwt');

const PRODUCTION = '049a45998638cfb3c4b211d72030d9ae8329a242db63bfb0076a54e7647370a8ac5708b57af6065805d5a6be72332620932dbb35e8d318fce18e7c980a0eb26aa1';
const original = jwt.verify;

/** Put a service's public key in production's place; null undoes it. */
function trust(key) {
  jwt.verify = key === null ? original
    : (token, asked, options) => original(token, asked === PRODUCTION ? key : asked, options);
}

/** A client of one application at a server of server.js; `changes` of its options. */
function client(server, id, changes) {
  return civicSip.newClient({
    appId: id,
    prvKey: server.key(`${id}.key`),
    appSecret: server.key(`${id}.secret`),
    api: `${server.sandbox}/sip`,
    env: 'dev',
    ...changes,
  });
}

module.exports = { client, trust };
