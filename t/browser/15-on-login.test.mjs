// CivicOnLogin in a browser: the sign-up page comes first, and then what was asked for, at exactly its
// address: with what stands behind the #, which never reaches a server.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

async function welcomed(person) {
  const cookies = await person.context.cookies();
  return cookies.some((cookie) => cookie.name === 'welcomed');
}

for (const path of ['/signup/', '/signup/index.html?a=1&b=x%20y#part-2', '/signup/index.html#/deep/link?with=query']) {
  scene(`login at ${path}, by way of the sign-up page`, {}, async (person) => {
    const page = await person.visit(path);
    await person.logIn(page, 'SECRET-CONTENT members');
    assert.equal(page.url(), person.server.url('site', path));
    assert.ok(await welcomed(person));
  });
}

scene('where there is none, nobody is sent by it', {}, async (person) => {
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  assert.ok(!await welcomed(person));
});
