// The picture of the login page that README shows. To renew it:
//   tools/test build browser && cp build/screenshots/login-page.png doc/
import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const LIMIT = 60 * 1024;

scene('the login page, for README', { viewport: { width: 900, height: 640 } }, async (person) => {
  const page = await person.visit('/members/');
  await page.getByRole('button', { name: 'Log in with Civic', disabled: false }).waitFor();
  await person.show(page, 'login-page');
  assert.ok(statSync(join(person.screenshots, 'login-page.png')).size < LIMIT, 'a small file');
});

scene('the same for those who like it dark', { colorScheme: 'dark' }, async (person) => {
  const page = await person.visit('/members/');
  await page.getByRole('button', { name: 'Log in with Civic', disabled: false }).waitFor();
  await person.show(page, 'login-page-dark');
});

scene('nothing sticks out on a narrow screen', { viewport: { width: 320, height: 480 } },
  async (person) => {
    const page = await person.visit('/members/');
    await person.start(page);
    await person.told(page, /^Waiting/);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 320);
  });
