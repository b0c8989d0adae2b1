// Click, scan, approve: the page that was asked for is there, at exactly its address.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

for (const path of ['/members/', '/members/index.html?a=1&b=x%20y&flag&c=%2F',
  '/members/index.html?a=1#part-2', '/members/index.html#/deep/link?with=query']) {
  scene(`login at ${path}`, {}, async (person) => {
    const page = await person.visit(path);
    await person.logIn(page, 'SECRET-CONTENT members');
    assert.equal(page.url(), person.server.url('site', path));
  });
}

scene('the page says what is going on', {}, async (person) => {
  const page = await person.visit('/members/');
  await page.getByRole('button', { name: 'Log in with Civic', disabled: false }).waitFor();
  await person.start(page);
  await person.told(page, /^Waiting for your approval/);
  const address = await person.scan(page);
  const phone = await person.openPhone(address);
  await person.told(page, /^Your phone has read the code/);
  await person.show(page, 'login-scan');
  await person.show(phone, 'login-telephone');
  await phone.close();
  await person.approve(address);
  await person.sees(page, 'SECRET-CONTENT members');
});

scene('the person who was chosen is the one who is logged in', {}, async (person) => {
  const page = await person.visit('/members/cgi');
  await person.logIn(page, 'SECRET-CONTENT', 'ozdemir');
  const { env } = JSON.parse(await page.locator('pre').textContent());
  assert.match(env.CIVIC_CONTACT_PERSONAL_EMAIL, /^g.*@/);
});

scene('over plain http to this machine', {}, async (person) => {
  const page = await person.visit('/members/index.html?a=1#part', 'plain');
  await person.logIn(page, 'SECRET-CONTENT members');
  assert.equal(page.url(), person.server.url('plain', '/members/index.html?a=1#part'));
});

scene('step-up: a page that asks for more keeps its address, and the greater login opens both', {},
  async (person) => {
    const page = await person.visit('/members/');
    await person.logIn(page, 'SECRET-CONTENT members');
    const address = person.server.url('site', '/proof/index.html?q=1#chapter');
    await page.goto(address);
    await person.sees(page, 'This page asks for more than you have shown so far.');
    assert.equal(await page.getAttribute('#civic-login', 'data-reason'), 'step-up-required');
    await person.show(page, 'step-up');
    await person.logIn(page, 'SECRET-CONTENT proof');
    assert.equal(page.url(), address);
    await page.goto(person.server.url('site', '/members/'));
    await person.sees(page, 'SECRET-CONTENT members');
  });

scene('somebody who may not see a page comes back to it as somebody else', {
  expect: [/console: .*403.*\/jane-only\//],
}, async (person) => {
  const path = '/jane-only/index.html?a=1';
  const page = await person.visit(path);
  await person.logIn(page, 'You are logged in as', 'ozdemir');
  await person.show(page, 'not-allowed');
  await page.click('#civic-logout');
  await person.logIn(page, 'SECRET-CONTENT jane-only', 'jane');
  assert.equal(page.url(), person.server.url('site', path));
});

scene('Back after the login leads to where the person was before, and forward to the page', {}, async (person) => {
  const before = person.server.url('site', '/');
  const path = '/members/index.html?a=1';
  const page = await person.visit('/');
  await page.goto(person.server.url('site', path));
  await person.logIn(page, 'SECRET-CONTENT members');
  await page.goBack();
  assert.equal(page.url(), before, 'not to a login page');
  await page.goForward();
  await person.sees(page, 'SECRET-CONTENT members');
  assert.equal(page.url(), person.server.url('site', path));
});
