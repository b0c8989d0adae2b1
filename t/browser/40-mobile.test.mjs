// On a telephone the browser goes to the Civic app, and the app comes back by a new tab at the
// page's own address with a uuid in its query.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

// Starts in a tab, approves in "the app"; gives the tab that the app opens.
async function throughTheApp(person, page) {
  await person.start(page);
  await page.waitForURL(/\/phone\//);
  const opened = person.context.waitForEvent('page');
  await page.tap('#approve');
  return opened;
}

for (const path of ['/members/', '/members/index.html?q=a%20b&flag&x=%2F',
  '/members/index.html?q=1#part']) {
  scene(`login at ${path}`, { mobile: true }, async (person) => {
    const first = await person.visit(path);
    await person.show(first, 'mobile');
    const second = await throughTheApp(person, first);
    await person.sees(second, 'SECRET-CONTENT members');
    assert.equal(second.url(), person.server.url('site', path), 'no uuid is left');
  });
}

scene('the app brings a uuid with it, and the page finishes by itself', { mobile: true },
  async (person) => {
    const seen = [];
    person.context.on('framenavigated', (frame) => seen.push(frame.url()));
    person.context.on('request', (request) => {
      if (request.isNavigationRequest()) {
        seen.push(request.url());
      }
    });
    const second = await throughTheApp(person, await person.visit('/members/index.html?q=1'));
    await person.sees(second, 'SECRET-CONTENT members');
    assert.ok(seen.some((url) => /\/members\/index\.html\?q=1&uuid=[0-9a-f-]{36}$/.test(url)),
      'the tab came up with the uuid');
  });

scene('the first tab was closed meanwhile', { mobile: true }, async (person) => {
  const first = await person.visit('/members/index.html?q=1');
  const second = await throughTheApp(person, first);
  await first.close();
  await person.sees(second, 'SECRET-CONTENT members');
  assert.equal(second.url(), person.server.url('site', '/members/index.html?q=1'));
});

scene('Back in the first tab leads to the page, which is open by now', { mobile: true },
  async (person) => {
    const first = await person.visit('/members/');
    const second = await throughTheApp(person, first);
    await person.sees(second, 'SECRET-CONTENT members');
    await second.close();
    await first.goBack();
    await person.sees(first, 'SECRET-CONTENT members');
  });

scene('denied in the app, Back, and a second try', { mobile: true }, async (person) => {
  const first = await person.visit('/members/');
  await person.start(first);
  await first.waitForURL(/\/phone\//);
  const note = person.context.waitForEvent('page');
  await first.tap('#deny');
  await person.sees(await note, 'Nothing was shared.');
  await first.goBack();
  const second = await throughTheApp(person, first);
  await person.sees(second, 'SECRET-CONTENT members');
});

scene('a uuid that is not known any more: words, and a new start without it', { mobile: true },
  async (person) => {
    const page = await person.visit('/members/index.html?q=1&uuid=00000000-0000-4000-8000-000000000000');
    await person.told(page, /^Civic reports a problem: this login is not known any more\.$/);
    await page.getByRole('button', { name: 'Try again' }).tap();
    await page.waitForURL(/\/phone\//);
    const opened = person.context.waitForEvent('page');
    await page.tap('#approve');
    const second = await opened;
    await person.sees(second, 'SECRET-CONTENT members');
    assert.equal(second.url(), person.server.url('site', '/members/index.html?q=1'));
  });
