// Logging out asks first, and no way through the browser's history ends at a dead page.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const LOGIN = 'Please log in with Civic to see this page.';

scene('the link asks, the button logs out, the page asks again', {}, async (person) => {
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  await page.goto(person.server.url('site', '/civic/logout?return=/open/index.html%3Fx%3D1'));
  await person.sees(page, 'Do you want to end your session on this site?');
  await person.show(page, 'logout');
  assert.equal(await page.getByText('Do you want to end your session').count(), 1, 'once');
  const other = await person.visit('/members/');
  await person.sees(other, 'SECRET-CONTENT members');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(person.server.url('site', '/open/index.html?x=1'));
  await page.goto(person.server.url('site', '/members/'));
  await person.sees(page, LOGIN);
  await other.reload();
  await person.sees(other, LOGIN);
  await person.logIn(page, 'SECRET-CONTENT members', 'ozdemir');
});

scene('a return to elsewhere leads to this site', {}, async (person) => {
  const page = await person.visit('/civic/logout?return=//example.net/');
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForURL(person.server.url('site', '/'));
  await person.sees(page, 'A public page');
});

scene('Back and Forward after a login', {}, async (person) => {
  const page = await person.visit('/');
  await page.goto(person.server.url('site', '/members/index.html?a=1#part'));
  await person.logIn(page, 'SECRET-CONTENT members');
  await page.goBack();
  await person.sees(page, 'A public page');
  await page.goForward();
  await person.sees(page, 'SECRET-CONTENT members');
  assert.equal(page.url(), person.server.url('site', '/members/index.html?a=1#part'));
  await page.goto(person.server.url('site', '/open/'));
  await page.goBack();
  await person.sees(page, 'SECRET-CONTENT members');
});

scene('Back and Forward after a logout', {}, async (person) => {
  const page = await person.visit('/members/cgi');
  await person.logIn(page, 'SECRET-CONTENT');
  await page.goto(person.server.url('site', '/civic/logout?return=/'));
  await page.getByRole('button', { name: 'Log out' }).click();
  await person.sees(page, 'A public page');
  await page.goBack();
  await person.sees(page, 'Do you want to end your session on this site?');
  await page.getByRole('button', { name: 'Log out' }).click();
  await person.sees(page, 'A public page');
  await page.goBack();
  await page.goBack();
  await page.reload();
  await person.sees(page, LOGIN);
  await person.logIn(page, 'SECRET-CONTENT');
});

scene('Back to a login page that was left, after a login elsewhere', {}, async (person) => {
  const page = await person.visit('/members/');
  await page.goto(person.server.url('site', '/'));
  await person.logIn(await person.visit('/members/'), 'SECRET-CONTENT members');
  await page.goBack();
  await person.sees(page, 'SECRET-CONTENT members');
});
