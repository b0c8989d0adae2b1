// Civic behind a password: the account is linked by a click, then both logins let in, and a recovery code stands for the
// telephone. The browser asks for the password once.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const alice = { httpCredentials: { username: 'alice', password: 'secret' } };
const CONTENT = 'SECRET-CONTENT members';
const REFUSED = [/403/];

// How often the server has asked for a password.
function challenges(server) {
  return readFileSync(join(dirname(server.log), 'access_log'), 'utf8').split('\n')
    .filter((line) => / 401 /.test(line)).length;
}

let codes = [];

scene('the first login links, after a yes', { ...alice, expect: REFUSED }, async (person) => {
  const before = challenges(person.server);
  const page = await person.visit('/members/index.html?a=1#part', 'factor');
  await person.sees(page, 'your account is not linked to a Civic identity yet');
  await person.show(page, 'second-factor-not-linked');
  await person.start(page);
  await person.approve(await person.scan(page));
  await person.sees(page, 'Link your account?');
  assert.equal(await page.locator('#civic-account').textContent(), 'alice');
  await person.sees(page, 'jane@example.com');
  await person.show(page, 'second-factor-link');
  await page.click('#civic-yes');
  await person.sees(page, 'Your account is linked');
  await person.show(page, 'second-factor-codes');
  codes = await page.locator('li code').allTextContents();
  assert.equal(codes.length, 4);
  await page.click('#civic-on');
  await person.sees(page, CONTENT);
  assert.equal(challenges(person.server) - before, 1, 'the password was asked for once');
});

scene('from then on both let in', { ...alice, expect: REFUSED }, async (person) => {
  const before = challenges(person.server);
  const page = await person.visit('/members/', 'factor');
  await person.sees(page, 'Confirm that it is you');
  await person.show(page, 'second-factor');
  await person.logIn(page, CONTENT);
  await page.reload();
  await person.sees(page, CONTENT);
  assert.equal(challenges(person.server) - before, 1, 'the password was asked for once');
});

scene('somebody else with the password stays outside', { ...alice, expect: [/403/, /403/] }, async (person) => {
  const page = await person.visit('/members/', 'factor');
  await person.start(page);
  await person.approve(await person.scan(page), 'ozdemir');
  await person.sees(page, 'Your account is linked to another Civic identity.');
  await page.reload();
  await person.sees(page, 'Confirm that it is you');
});

scene('another tab that was open goes on by itself', { ...alice, expect: [/403/, /403/] }, async (person) => {
  const waiting = await person.visit('/members/', 'factor');
  await person.sees(waiting, 'Confirm that it is you');
  const page = await person.visit('/members/file.txt', 'factor');
  await person.logIn(page, 'SECRET-CONTENT');
  await waiting.bringToFront();
  await person.sees(waiting, CONTENT);
});

scene('a recovery code, typed as people type', { ...alice, expect: [/403/, /403/] }, async (person) => {
  const page = await person.visit('/members/?b=2', 'factor');
  await page.getByRole('button', { name: 'Use a recovery code' }).click();
  await person.sees(page, 'One of the codes');
  await person.show(page, 'recovery');
  await page.fill('#civic-code', 'abcd efgh jkmn pqrs');
  await page.keyboard.press('Enter');
  await person.sees(page, 'no recovery code of your account');
  await person.show(page, 'recovery-refused');
  await page.fill('#civic-code', codes[0].toLowerCase().replaceAll('-', ' '));
  await page.keyboard.press('Enter');
  await page.waitForURL(person.server.url('factor', '/members/?b=2'));
  // A code shows less than this page asks for.
  await person.sees(page, 'approve the new request');
});

scene('on a telephone, and in the dark', { ...alice, mobile: true, colorScheme: 'dark', expect: REFUSED }, async (person) => {
  const page = await person.visit('/members/', 'factor');
  await person.sees(page, 'Confirm that it is you');
  await person.show(page, 'second-factor-mobile');
});
