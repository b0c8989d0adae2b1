// Civic's own server SDK (civic-sip-api 1.2.1) exchanges codes at the sandbox: it gets what the module
// gets, for every person and scope request, and is refused where the module is.
'use strict';

const assert = require('node:assert');
const crypto = require('node:crypto');
const { after, before, test } = require('node:test');

const { client, trust } = require('./sdk.js');
const { Server } = require('./server.js');

const PEOPLE = ['jane', 'ozdemir', 'smiley', 'minor', 'expired', 'stale'];
const SCOPES = [
  { scope: 'ANONYMOUS_LOGIN', address: '/anonymous/', labels: 1 },
  { scope: 'BASIC_SIGNUP', address: '/members/', labels: 2 },
  { scope: 'PROOF_OF_IDENTITY', address: '/proof/', labels: 12 },
];
const IMAGE = 'documents.genericId.image';

const server = new Server();

before(async () => {
  await server.start();
  trust(server.key('civic.pub'));
});
after(() => server.stop());

/** The SDK's items as the module's session shows them. The module checks the picture and drops it. */
function asSession(items) {
  return items.filter((item) => item.label !== IMAGE).map((item) => (
    { label: item.label, value: item.value, verified: item.isValid && item.isOwner }));
}

for (const person of PEOPLE) {
  for (const { scope, address, labels } of SCOPES) {
    test(`${person}, ${scope}: the SDK gets what the module gets`, async () => {
      const login = await server.login(address, { person });
      assert.strictEqual(login.status, 200);
      const [session] = login.sessions;
      assert.strictEqual(session.scope, scope);

      const before = await server.log();
      const answer = await client(server, 'CO-ALPHA').exchangeCode(await server.code({ scope, person }));
      const log = await server.log();
      assert.strictEqual(log.exchanges, before.exchanges + 1);
      assert.strictEqual(log.payloads, before.payloads + (scope === 'PROOF_OF_IDENTITY' ? 1 : 0));

      assert.strictEqual(answer.userId, session.userId);
      assert.strictEqual(answer.data.length, labels);
      assert.deepStrictEqual(asSession(answer.data), session.claims);
    });
  }
}

test('the picture is whole', async () => {
  const { data } = await client(server, 'CO-ALPHA').exchangeCode(
    await server.code({ scope: 'PROOF_OF_IDENTITY' }));
  const value = Object.fromEntries(data.map((item) => [item.label, item.value]));
  assert.strictEqual(crypto.createHash('md5').update(value[IMAGE]).digest('hex'), value[`${IMAGE}_md5`]);
  assert.strictEqual(Buffer.from(value[IMAGE], 'base64').subarray(1, 4).toString(), 'PNG');
});

test('a small answer by URL, and one that is not encrypted, are what they would be', async () => {
  const sdk = client(server, 'CO-ALPHA');
  const plain = await sdk.exchangeCode(await server.code());
  const { payloads } = await server.log();
  assert.deepStrictEqual(await sdk.exchangeCode(await server.code({ fault: 'processed' })), plain);
  assert.strictEqual((await server.log()).payloads, payloads + 1);
  assert.deepStrictEqual(await sdk.exchangeCode(await server.code({ fault: 'unencrypted' })), plain);
});

test('another application gets its own', async () => {
  const answer = await client(server, 'CO-BETA').exchangeCode(await server.code({ appId: 'CO-BETA' }));
  assert.strictEqual(answer.data[0].value, 'jane@example.com');
});

// ---- refusals: the SDK's error has status and message ----

const REFUSALS = [
  ['the key of another application', 401, () => client(server, 'CO-ALPHA', { prvKey: server.key('CO-BETA.key') })],
  ['the secret of another application', 401,
    () => client(server, 'CO-ALPHA', { appSecret: server.key('CO-BETA.secret') })],
  ['an unknown application', 401, () => client(server, 'CO-ALPHA', { appId: 'CO-NOBODY' })],
  ["another application's code", 400, () => client(server, 'CO-BETA')],
  ['an address without environment', 404, () => client(server, 'CO-ALPHA', { includeStageInURL: false })],
];
for (const [what, status, make] of REFUSALS) {
  test(`${what}: ${status}`, async () => {
    const code = await server.code();
    await assert.rejects(make().exchangeCode(code), new RegExp(`^Error: .*: ${status} - .*message`));
    await client(server, 'CO-ALPHA').exchangeCode(code);
  });
}

test('a code the second time: 403, whoever used it first', async () => {
  const sdk = client(server, 'CO-ALPHA');
  const first = await server.code();
  await sdk.exchangeCode(first);
  await assert.rejects(sdk.exchangeCode(first), /: 403 - .*duplicate/);
  const login = await server.login('/members/', {}, first);
  assert.strictEqual(login.status, 401);
  assert.strictEqual(login.body.reason, 'code-used');

  const second = await server.code();
  assert.strictEqual((await server.login('/members/', {}, second)).status, 200);
  await assert.rejects(sdk.exchangeCode(second), /: 403 - .*duplicate/);
});

for (const fault of ['429', '500', '504']) {
  test(`a fault on demand: ${fault}`, async () => {
    const code = await server.code({ fault });
    await assert.rejects(client(server, 'CO-ALPHA').exchangeCode(code), new RegExp(`: ${fault} - `));
  });
}

test('the SDK verifies: neither a foreign signature, nor an old one, nor production’s key will do', async () => {
  const sdk = client(server, 'CO-ALPHA');
  for (const fault of ['wrong-key', 'expired-answer']) {
    await assert.rejects(sdk.exchangeCode(await server.code({ fault })), /could not be verified/);
  }
  trust(null);
  try {
    await assert.rejects(sdk.exchangeCode(await server.code()), /could not be verified/);
  } finally {
    trust(server.key('civic.pub'));
  }
});
