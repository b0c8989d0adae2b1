// On a telephone the browser goes to the Civic app, and the app comes back by a new tab at the
// page's own address with a uuid in its query.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

for (const path of ['/members/', '/members/index.html?q=a%20b&flag&x=%2F',
  '/members/index.html?q=1#part']) {
  scene(`login at ${path}`, { mobile: true }, async (person) => {
    const first = await person.visit(path);
    await person.show(first, 'mobile');
    const second = await person.throughTheApp(first);
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
    const second = await person.throughTheApp(await person.visit('/members/index.html?q=1'));
    await person.sees(second, 'SECRET-CONTENT members');
    assert.ok(seen.some((url) => /\/members\/index\.html\?q=1&uuid=[0-9a-f-]{36}$/.test(url)),
      'the tab came up with the uuid');
  });

scene('the first tab was closed meanwhile', { mobile: true }, async (person) => {
  const first = await person.visit('/members/index.html?q=1');
  const second = await person.throughTheApp(first);
  await first.close();
  await person.sees(second, 'SECRET-CONTENT members');
  assert.equal(second.url(), person.server.url('site', '/members/index.html?q=1'));
});

scene('Back in the first tab leads to the page, which is open by now', { mobile: true },
  async (person) => {
    const first = await person.visit('/members/');
    const second = await person.throughTheApp(first);
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
  const second = await person.throughTheApp(first);
  await person.sees(second, 'SECRET-CONTENT members');
});

const UNKNOWN = '/members/index.html?q=1&uuid=00000000-0000-4000-8000-000000000000';

scene('a uuid that is not known any more: words, and a new start without it', { mobile: true },
  async (person) => {
    const page = await person.visit('/members/');
    await person.start(page);
    await page.waitForURL(/\/phone\//);
    await page.goto(person.server.url('site', UNKNOWN));
    await person.told(page, /^Civic reports a problem: this login is not known any more\. Reference:/);
    await page.getByRole('button', { name: 'Try again' }).tap();
    await page.waitForURL(/\/phone\//);
    const opened = person.context.waitForEvent('page');
    await page.tap('#approve');
    const second = await opened;
    await person.sees(second, 'SECRET-CONTENT members');
    assert.equal(second.url(), person.server.url('site', '/members/index.html?q=1'));
  });

// The app opens the telephone's usual browser; the login may have been started in another one.
async function otherBrowser(person, address) {
  const context = await person.context.browser().newContext({
    viewport: { width: 390, height: 780 },
    isMobile: true,
    hasTouch: true,
    userAgent: await person.context.pages()[0].evaluate(() => navigator.userAgent),
  });
  context.setDefaultTimeout(15000);
  const page = await context.newPage();
  await page.goto(address, { waitUntil: 'domcontentloaded' });
  return page;
}

scene('the app comes back to another browser: it says so, logs nobody in, and starts here',
  { mobile: true }, async (person) => {
    const first = await person.visit('/members/index.html?q=1');
    const asked = person.context.waitForEvent('request', (request) => /uuid=/.test(request.url()));
    await person.context.route(/members.*uuid=/, (route) => route.abort('aborted'));
    await person.start(first);
    await first.waitForURL(/\/phone\//);
    await first.tap('#approve');
    const other = await otherBrowser(person, `${(await asked).url()}#part`);
    await person.told(other, /^This login was started in another browser, or some time ago\./);
    await person.show(other, 'mobile-other-browser');
    assert.equal(await other.locator('#civic-frame').count(), 0, 'nothing goes on by itself');
    assert.equal(other.url(), person.server.url('site', '/members/index.html?q=1#part'),
      'and a reload does not either');
    await person.start(other);
    await other.waitForURL(/\/phone\//);
    const opened = other.context().waitForEvent('page');
    await other.tap('#approve');
    const last = await opened;
    await person.sees(last, 'SECRET-CONTENT members');
    assert.equal(last.url(), person.server.url('site', '/members/index.html?q=1#part'));
    await other.context().close();
  });

scene('a bookmark with an old uuid opens the page: with a session at once, without one by a login',
  { mobile: true }, async (person) => {
    const page = await person.visit(UNKNOWN);
    await person.at(page, 'other-browser');
    const second = await person.throughTheApp(page);
    await person.sees(second, 'SECRET-CONTENT members');
    const bookmark = await person.visit(UNKNOWN);
    await person.sees(bookmark, 'SECRET-CONTENT members');
  });

scene('the page was left open for hours before the start', { mobile: true }, async (person) => {
  const page = await person.visit('/members/index.html?q=1#part');
  await person.at(page, 'ready');
  await page.evaluate(() => {
    const now = Date.now;
    Date.now = () => now() + 3 * 3600_000;
  });
  const renewed = page.waitForResponse('**/civic/renew');
  await person.start(page);
  assert.equal((await renewed).status(), 200);
  await page.waitForURL(/\/phone\//);
  const opened = person.context.waitForEvent('page');
  await page.tap('#approve');
  const second = await opened;
  await person.sees(second, 'SECRET-CONTENT members');
  assert.equal(second.url(), person.server.url('site', '/members/index.html?q=1#part'));
});

scene('two tabs go to the app, and come back in the other order', { mobile: true },
  async (person) => {
    const tabs = [await person.visit('/members/?tab=1'), await person.visit('/members/?tab=2')];
    for (const tab of tabs) {
      await person.start(tab);
      await tab.waitForURL(/\/phone\//);
    }
    for (const number of [1, 0]) {
      const opened = person.context.waitForEvent('page');
      await tabs[number].bringToFront();
      await tabs[number].tap('#approve');
      const done = await opened;
      await person.sees(done, 'SECRET-CONTENT members');
    }
  });
