// CivicOnLogin in a browser: the sign-up page comes first, and then what was asked for, at exactly its
// address: with what stands behind the #, which never reaches a server.
import assert from 'node:assert/strict';
import { received, send } from './lib/forms.mjs';
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

// What people typed goes first: the sign-up page would have to carry it.
async function formAt(person) {
  const page = await person.visit('/');
  await send(page, { fields: [['a', '1']], action: '/signup/cgi?x=1' });
  await person.sees(page, 'What you have sent is kept');
  return page;
}

scene('a form is sent at once, and nobody is sent by the sign-up page', {}, async (person) => {
  const page = await formAt(person);
  await person.logIn(page, 'SECRET-CONTENT');
  const { method, query, body } = await received(page);
  assert.equal(`${method} ${query} ${body}`, 'POST x=1 a=1');
  assert.equal(page.url(), person.server.url('site', '/signup/cgi?x=1'));
  assert.ok(!await welcomed(person));
});

scene('the same through the Civic app', { mobile: true }, async (person) => {
  const page = await person.throughTheApp(await formAt(person));
  assert.equal((await received(page)).body, 'a=1');
  assert.ok(!await welcomed(person));
});

scene('who does not want it sent comes by the sign-up page', {}, async (person) => {
  const page = await formAt(person);
  await page.getByRole('button', { name: 'Do not send it' }).click();
  await person.logIn(page, 'SECRET-CONTENT');
  assert.equal((await received(page)).method, 'GET');
  assert.ok(await welcomed(person));
});
