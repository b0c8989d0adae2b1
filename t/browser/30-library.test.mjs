// Civic's library or service does not come: the page says so, and trying again works.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const LIBRARY = '**/js/civic.sip.min.js*';

async function tryAgain(page) {
  await page.getByRole('button', { name: 'Try again' }).click();
}

scene('blocked, as by an ad blocker', { expect: [/console: .*ERR_BLOCKED_BY_CLIENT/] },
  async (person) => {
    await person.context.route(LIBRARY, (route) => route.abort('blockedbyclient'));
    const page = await person.visit('/members/index.html?a=1#part');
    await person.told(page, /could not be loaded\. An ad blocker or your network may keep it away: allow localhost:\d+/);
    assert.ok(await page.isDisabled('#signupButton'), 'there is nothing to click yet');
    await person.show(page, 'library-blocked');
    await tryAgain(page);
    await person.told(page, /could not be loaded/);
    await person.context.unroute(LIBRARY);
    await tryAgain(page);
    await person.logIn(page, 'SECRET-CONTENT members');
    assert.equal(page.url(), person.server.url('site', '/members/index.html?a=1#part'));
  });

// The first request for the library hangs until it is let go; later ones work.
async function holdFirst(person) {
  const held = [];
  await person.context.route(LIBRARY, (route) => {
    if (held.push(route) > 1) {
      route.continue();
    }
  });
  return held;
}

scene('it never answers: after 8 seconds the page says so', {}, async (person) => {
  await holdFirst(person);
  await person.context.clock.install();
  const page = await person.visit('/members/');
  await person.told(page, /^Preparing/);
  await page.clock.fastForward(7000);
  assert.match(await page.textContent('#civic-status'), /^Preparing/, 'not earlier');
  await page.clock.fastForward(1500);
  await person.told(page, /could not be loaded\. An ad blocker or your network may keep it/);
  await tryAgain(page);
  await person.logIn(page, 'SECRET-CONTENT members');
});

scene('it comes late: the page goes on by itself', {}, async (person) => {
  const held = await holdFirst(person);
  await person.context.clock.install();
  const page = await person.visit('/members/');
  await person.told(page, /^Preparing/);
  await page.clock.fastForward(8500);
  await person.told(page, /could not be loaded/);
  await held[0].continue();
  await page.getByRole('button', { name: 'Log in with Civic', disabled: false }).waitFor();
  await person.told(page, /^You need the Civic app/);
  assert.ok(await page.isHidden('#civic-retry'));
  await person.logIn(page, 'SECRET-CONTENT members');
});

scene('something else comes in its place', {}, async (person) => {
  await person.context.route(LIBRARY, (route) => route.fulfill({
    contentType: 'text/javascript', body: 'var somethingElse = 1;',
  }));
  const page = await person.visit('/members/');
  await person.told(page, /did not load as expected/);
  await person.context.unroute(LIBRARY);
  await tryAgain(page);
  await person.logIn(page, 'SECRET-CONTENT members');
});

scene('the service cannot be reached, and then it can', { expect: [/console: .*ERR_FAILED/] },
  async (person) => {
    await person.context.route('**/hosted/poll/*', (route) => route.abort());
    const page = await person.visit('/members/');
    await person.start(page);
    await person.told(page, /^Civic reports a problem: the service cannot be reached\. Reference:/);
    await person.show(page, 'civic-error');
    assert.ok(await page.isEnabled('#signupButton'));
    await person.context.unroute('**/hosted/poll/*');
    await tryAgain(page);
    await person.approve(await person.scan(page));
    await person.sees(page, 'SECRET-CONTENT members');
  });

scene('a site that is not on the white list', {}, async (person) => {
  const page = await person.visit('/members/', 'unlisted');
  await person.start(page);
  await person.told(page, /the domain http:\/\/localhost:\d+ is not on the white list of CO-PLAIN/);
  await tryAgain(page);
  await person.told(page, /^Waiting/);
  await person.told(page, /is not on the white list/);
});

scene('the same on a telephone: the way back is open', { mobile: true }, async (person) => {
  const page = await person.visit('/members/', 'unlisted');
  await person.start(page);
  await person.sees(page, 'is not on the white list');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Log in with Civic', disabled: false }).waitFor();
});
