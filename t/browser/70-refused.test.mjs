// The server refuses the code: the page says why in words, with the reference that the log has, and
// trying again works.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

async function approveAt(person, path, site = 'site') {
  const page = await person.visit(path, site);
  await person.start(page);
  await person.approve(await person.scan(page));
  return page;
}

// The words on the page; its reference must be that of one log line with this reason.
async function refusedWith(person, page, reason) {
  const text = await person.told(page, /Reference:\s/);
  const [, words, reference] = /^(.*) Reference:\s([A-Z2-9]{8})$/.exec(text);
  const lines = person.server.logged(reference);
  assert.equal(lines.length, 1, 'one line has the reference');
  assert.ok(lines[0].includes(`login refused: ${reason} (`), lines[0]);
  return words;
}

// The button starts at once, in the same page.
async function again(person, page) {
  await page.getByRole('button', { name: /^Try again$/ }).click();
  await person.approve(await person.scan(page));
  await person.sees(page, 'SECRET-CONTENT members');
}

// Until Retry-After is over there is nothing to click. The page's clock is moved on, not waited for.
async function waitOut(page, seconds) {
  await page.getByRole('button', { name: /^Try again in \d+ seconds?$/ }).waitFor();
  assert.equal(await page.getAttribute('#civic-retry', 'aria-disabled'), 'true', 'not yet');
  await later(page, seconds);
}

async function later(page, seconds) {
  await page.evaluate((late) => {
    const now = Date.now;
    Date.now = () => now() + late;
  }, seconds * 1000);
}

scene('Civic has a problem (500)', { expect: [/console: .*502.*\/civic\/callback/] },
  async (person) => {
    await person.server.fault('500');
    const path = '/members/index.html?a=1#part';
    const page = await approveAt(person, path);
    assert.equal(await refusedWith(person, page, 'upstream-error'),
      'Civic has a problem. Please try again in a moment.');
    await person.show(page, 'refused');
    await waitOut(page, 11);
    await person.told(page, /^Civic has a problem\. You can try again now\./);
    await again(person, page);
    assert.equal(page.url(), person.server.url('site', path));
  });

scene('Civic does not know the site (401): no false hope, but the button works when it is mended', {
  expect: [/console: .*502.*\/civic\/callback/],
}, async (person) => {
  await person.server.fault('401');
  const page = await approveAt(person, '/members/');
  assert.equal(await refusedWith(person, page, 'upstream-refused'),
    'Civic does not accept this site’s credentials. '
    + 'Trying again does not help. Please tell this site’s operator.');
  assert.ok(await page.isHidden('#civic-retry'));
  await person.logIn(page, 'SECRET-CONTENT members');
});

scene('Civic does not answer in time', { expect: [/console: .*504.*\/civic\/callback/] },
  async (person) => {
    await person.server.fault('hang');
    const page = await approveAt(person, '/members/', 'impatient');
    await person.told(page, /^Civic has approved\. Logging you in/);
    assert.ok(await page.isDisabled('#signupButton'), 'one thing at a time');
    assert.equal(await refusedWith(person, page, 'upstream-timeout'),
      'Civic took too long to answer. Please try again in a moment.');
    await waitOut(page, 11);
    await again(person, page);
  });

scene('Civic is slow: the page says so after five seconds', {}, async (person) => {
  let go;
  await person.context.route('**/civic/callback', async (route) => {
    await new Promise((resolve) => { go = resolve; });
    await route.continue();
  });
  await person.context.clock.install();
  const page = await approveAt(person, '/members/');
  await person.told(page, /^Civic has approved\. Logging you in/);
  await page.clock.fastForward(5100);
  await person.told(page, /^Still logging you in\. This takes longer than usual/);
  go();
  await person.sees(page, 'SECRET-CONTENT members');
});

scene('the code was used before (403)', { expect: [/console: .*401.*\/civic\/callback/] },
  async (person) => {
    await person.server.fault('403');
    const page = await approveAt(person, '/members/');
    assert.equal(await refusedWith(person, page, 'code-used'),
      'This approval was used before. Please start again.');
    await again(person, page);
  });

scene('too many at once: the page waits, and hands the same approval in again', {
  expect: [/console: .*429.*\/civic\/callback/],
}, async (person) => {
  let times = 0;
  await person.context.route('**/civic/callback', (route) => {
    times += 1;
    return times > 2 ? route.continue() : route.fulfill({
      status: 429,
      contentType: 'application/problem+json',
      headers: { 'Retry-After': times > 1 ? '30' : '600' },
      body: JSON.stringify({ reason: 'too-many-attempts', retry: 'later', reference: 'ABCDEFGH',
        detail: 'Too many logins come from your address. Please wait a moment.' }),
    });
  });
  const page = await approveAt(person, '/members/');
  await person.told(page, /^Too many logins .* The login goes on by itself in a moment\./);
  await page.getByRole('button', { name: 'Try again in 10 minutes' }).waitFor();
  await later(page, 585);
  await page.getByRole('button', { name: /^Try again in 1\d seconds$/ }).waitFor();
  assert.equal(times, 1);
  await later(page, 16);
  await page.getByRole('button', { name: /^Try again in (30|29|28) seconds$/ }).waitFor();
  assert.equal(times, 2, 'once, and then it waits again');
  await later(page, 31);
  await person.sees(page, 'SECRET-CONTENT members');
});

scene('this site cannot be reached: the approval is not lost', {
  expect: [/console: .*ERR_INTERNET_DISCONNECTED/],
}, async (person) => {
  await person.context.route('**/civic/callback', (route) => route.abort('internetdisconnected'));
  const page = await approveAt(person, '/members/');
  await person.told(page, /^This site could not be reached\. Nothing is lost: try again\. Reference:/);
  await person.context.unroute('**/civic/callback');
  await page.getByRole('button', { name: 'Try again' }).click();
  await person.sees(page, 'SECRET-CONTENT members');
});

scene('a proxy answers in its own words', { expect: [/console: .*502.*\/civic\/callback/] },
  async (person) => {
    await person.context.route('**/civic/callback', (route) => route.fulfill({
      status: 502, contentType: 'text/html', body: '<h1>Bad Gateway</h1>',
    }));
    const heard = person.context.waitForEvent('response', (answer) => /\/civic\/report$/.test(answer.url()));
    const page = await approveAt(person, '/members/');
    const text = await person.told(page, /^The login did not succeed\. Please start again\. Reference:/);
    assert.equal((await heard).status(), 200);
    const lines = person.server.logged(/[A-Z2-9]{8}$/.exec(text)[0]);
    assert.match(lines.join('\n'), /login page: failed \(/, 'the page says so to the server, by its reference');
    await person.context.unroute('**/civic/callback');
    await again(person, page);
  });

scene('a login that lacks what the page goes by: logging out leads back', {
  expect: [/console: .*403.*\/email\//],
}, async (person) => {
  const path = '/email/index.html?a=1';
  const page = await person.visit(path);
  await person.logIn(page, 'Your login does not hold the verified fact', 'stale');
  await person.show(page, 'remote-user-missing');
  const reference = await page.textContent('.civic-reference code');
  assert.match(person.server.logged(reference).join('\n'), /remote-user-missing/);
  await page.getByRole('button', { name: 'Log out and start again' }).click();
  await person.logIn(page, 'SECRET-CONTENT email', 'jane');
  assert.equal(page.url(), person.server.url('site', path));
});

scene('Civic is down: the approval waits until somebody may ask again, and is good then', {
  expect: [/console: .*50[23].*\/civic\/callback/],
}, async (person) => {
  const FAILURES = 8; // of breaker.h: so many in a row, and Civic is not asked by everybody
  const page = await person.visit('/members/', 'plain');
  await person.start(page);
  const address = await person.scan(page); // which takes its time, and Civic is left alone for two seconds
  await person.server.fault('500', FAILURES);
  for (let times = 0; times < FAILURES; times += 1) {
    const token = await person.server.token(await page.getAttribute('#civic-login', 'data-app-id'));
    await page.evaluate((code) => fetch('/civic/callback', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ token: code, state: document.getElementById('civic-login').dataset.state }),
    }), token);
  }
  await person.approve(address);
  assert.equal(await refusedWith(person, page, 'upstream-down'),
    'Civic cannot be reached at this moment. The login goes on by itself in a moment.');
  await person.show(page, 'upstream-down');
  await person.sees(page, 'SECRET-CONTENT members');
});
