// A login page of the site's own, with a style sheet and a logo, under a policy that would forbid all of
// it: everything loads, and a login works.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

async function looks(page) {
  await page.locator('#civic-login').waitFor();
  return page.evaluate(() => ({
    border: getComputedStyle(document.getElementById('civic-login')).borderTopWidth,
    logo: document.querySelector('.civic-logo').naturalWidth > 0,
    name: document.querySelector('.civic-logo').alt,
  }));
}

scene('a template, a style sheet and a logo of the site', {}, async (person) => {
  const page = await person.visit('/members/index.html?a=1#part', 'own');
  await page.waitForLoadState();
  await page.getByText('Back to our front page').waitFor();
  assert.deepEqual(await looks(page), { border: '7px', logo: true, name: 'Members' });
  await person.show(page, 'own-page');
  await person.logIn(page, 'SECRET-CONTENT members');
  assert.equal(page.url(), person.server.url('own', '/members/index.html?a=1#part'));
});

scene('a style sheet and a logo of another origin', {}, async (person) => {
  const page = await person.visit('/jane-only/', 'own');
  await page.waitForLoadState();
  assert.deepEqual(await looks(page), { border: '7px', logo: true, name: 'Jane only' });
  await person.show(page, 'own-style');
});
