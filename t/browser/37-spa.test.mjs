// A single-page application whose session ends in the middle of work: its requests wait for a login in
// another window and then go on; nothing on the page is lost.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const UNAUTHORIZED = /console: .*401.*\/(members|proof|api)\//;
const CLOSED = /console: .*401.*\/civic\/login\?/; // the page has asked whether an address is open
const [, source] = /^abs_top_srcdir = (.*)$/m
  .exec(readFileSync(join(process.env.CIVIC_BUILD, 'Makefile'), 'utf8'));

async function application(person) {
  const page = await person.visit('/open/spa.html');
  await page.fill('#work', 'half of a letter');
  return page;
}

// Begins requests; their outcomes are at window.outcomes as soon as they are there.
async function request(page, ...requests) {
  await page.evaluate((list) => {
    window.outcomes = [];
    for (const [number, [address, init]] of list.entries()) {
      fetch(address, init ?? {})
        .then((answer) => answer.text().then((text) => { window.outcomes[number] = `${answer.status} ${text}`; }))
        .catch((error) => { window.outcomes[number] = String(error); });
    }
  }, requests);
}

async function outcomes(page, count) {
  await page.waitForFunction((wanted) => Object.keys(window.outcomes).length === wanted, count);
  return page.evaluate(() => window.outcomes);
}

async function logInAndClose(person, popup) {
  await person.start(popup);
  const address = await person.scan(popup);
  const closed = popup.waitForEvent('close');
  await person.approve(address);
  await closed;
}

scene('a request that meets no session goes on after the login', { expect: [UNAUTHORIZED] }, async (person) => {
  const page = await application(person);
  const [popup] = await Promise.all([
    page.waitForEvent('popup'),
    request(page, ['/members/cgi?x=1', { method: 'PUT', headers: { 'Content-Type': 'application/json' }, body: '{"letter":"half"}' }]),
  ]);
  await popup.locator('#civic-login').waitFor();
  await person.show(page, 'spa-waiting');
  await logInAndClose(person, popup);
  const [outcome] = await outcomes(page, 1);
  assert.match(outcome, /^200 /);
  const { env, body } = JSON.parse(outcome.slice(4));
  assert.equal(`${env.REQUEST_METHOD} ${env.QUERY_STRING} ${env.CONTENT_TYPE} ${body}`, 'PUT x=1 application/json {"letter":"half"}');
  assert.equal(await page.inputValue('#work'), 'half of a letter');
  assert.equal(await page.locator('dialog').count(), 0, 'the dialog has gone');
});

scene('a session that ends in the middle of work', { expect: [UNAUTHORIZED] }, async (person) => {
  const first = await person.visit('/members/');
  await person.logIn(first, 'SECRET-CONTENT members');
  const page = await application(person);
  await request(page, ['/members/file.txt']);
  assert.match((await outcomes(page, 1))[0], /^200 /);
  await first.evaluate(() => fetch('/civic/logout', { method: 'POST' }));
  const [popup] = await Promise.all([page.waitForEvent('popup'), request(page, ['/members/file.txt'])]);
  await logInAndClose(person, popup);
  assert.match((await outcomes(page, 1))[0], /^200 SECRET-CONTENT/);
  assert.equal(await page.inputValue('#work'), 'half of a letter');
});

scene('several requests at once open one window', { expect: [UNAUTHORIZED] }, async (person) => {
  const page = await application(person);
  const popups = [];
  page.on('popup', (popup) => popups.push(popup));
  await request(page, ['/members/file.txt'], ['/members/index.html'], ['/api/'], ['/members/cgi', { method: 'POST', body: 'a=1' }]);
  await page.locator('dialog').waitFor();
  await page.waitForFunction(() => document.querySelectorAll('dialog').length === 1);
  await popups[0].locator('#civic-login').waitFor();
  await logInAndClose(person, popups[0]);
  for (const outcome of await outcomes(page, 4)) {
    assert.match(outcome, /^200 /);
  }
  assert.equal(popups.length, 1);
});

scene('where windows are kept away, a button opens it', { expect: [UNAUTHORIZED] }, async (person) => {
  await person.context.addInitScript(() => {
    const open = window.open;
    window.open = (...words) => (navigator.userActivation.isActive ? open.apply(window, words) : null);
  });
  const page = await person.visit('/open/spa.html');
  await request(page, ['/members/file.txt']);
  await page.getByText('Bitte neu anmelden.').waitFor();
  await person.show(page, 'spa-button');
  const [popup] = await Promise.all([
    page.waitForEvent('popup'),
    page.getByRole('dialog').getByRole('button', { name: 'Log in' }).click(),
  ]);
  await logInAndClose(person, popup);
  assert.match((await outcomes(page, 1))[0], /^200 SECRET-CONTENT/);
});

scene('a window that was closed can be opened again', { expect: [UNAUTHORIZED] }, async (person) => {
  const page = await application(person);
  const [first] = await Promise.all([page.waitForEvent('popup'), request(page, ['/members/file.txt'])]);
  await first.locator('#civic-login').waitFor();
  await first.close();
  const [popup] = await Promise.all([
    page.waitForEvent('popup'), page.getByRole('dialog').getByRole('button', { name: 'Log in' }).click(),
  ]);
  await logInAndClose(person, popup);
  assert.match((await outcomes(page, 1))[0], /^200 SECRET-CONTENT/);
});

for (const [name, leave] of [
  ['the button', (page) => page.getByRole('button', { name: 'Jetzt nicht' }).click()],
  ['Escape', (page) => page.keyboard.press('Escape')],
]) {
  scene(`who does not want to log in now gets the page back: ${name}`, { expect: [UNAUTHORIZED] }, async (person) => {
    await person.context.addInitScript(() => { window.open = () => null; });
    const page = await person.visit('/open/spa.html');
    await request(page, ['/members/file.txt']);
    await page.getByRole('dialog').waitFor();
    await leave(page);
    assert.match((await outcomes(page, 1))[0], /^401 .*login-required/);
    assert.equal(await page.locator('dialog').count(), 0);
  });
}

// The page asks the server whether its address is open, and has got the answer.
function looks(page) {
  return page.waitForResponse((answer) => answer.url().includes('/civic/login?')).then((answer) => answer.finished());
}

scene('a login that is not enough changes nothing, one that is goes on', { expect: [UNAUTHORIZED, CLOSED] }, async (person) => {
  const page = await application(person);
  const [popup] = await Promise.all([page.waitForEvent('popup'), request(page, ['/proof/index.html'])]);
  await popup.locator('#civic-login').waitFor();
  await popup.close();
  const other = await person.visit('/members/');
  const looked = looks(page);
  await person.logIn(other, 'SECRET-CONTENT members');
  await looked;
  assert.equal(await page.getByText('Bitte neu anmelden.').count(), 1, 'the dialog stays');
  assert.deepEqual(await page.evaluate(() => window.outcomes), [], 'and the request waits');
  assert.equal(await page.inputValue('#work'), 'half of a letter');
  await other.goto(person.server.url('site', '/proof/'));
  await person.logIn(other, 'SECRET-CONTENT proof');
  assert.match((await outcomes(page, 1))[0], /^200 .*SECRET-CONTENT proof/);
  assert.equal(await page.locator('dialog').count(), 0);
});

scene('a request asks for itself where a button was clicked and its window closed', { expect: [UNAUTHORIZED] }, async (person) => {
  const page = await person.visit('/open/dialog.html');
  const [clicked] = await Promise.all([page.waitForEvent('popup'), page.click('#here')]);
  await clicked.locator('#civic-login').waitFor();
  await clicked.close();
  const [popup] = await Promise.all([page.waitForEvent('popup'), request(page, ['/members/file.txt'])]);
  await page.getByRole('dialog').waitFor();
  await logInAndClose(person, popup);
  assert.match((await outcomes(page, 1))[0], /^200 SECRET-CONTENT/);
  assert.equal(await page.textContent('#told'), '', 'the button has not been told');
});

scene('a login by a button is one for requests, too', { expect: [UNAUTHORIZED] }, async (person) => {
  const page = await person.visit('/open/dialog.html');
  const [clicked] = await Promise.all([page.waitForEvent('popup'), page.click('#here')]);
  await clicked.locator('#civic-login').waitFor();
  await Promise.all([page.waitForEvent('popup'), request(page, ['/members/file.txt'])]);
  await logInAndClose(person, clicked);
  assert.match((await outcomes(page, 1))[0], /^200 SECRET-CONTENT/);
  await person.sees(page, 'logged in by here;');
});

scene('each address is waited for until it is open', { expect: [CLOSED] }, async (person) => {
  const page = await application(person);
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.evaluate(() => {
    window.kept = [];
    for (const path of ['/members/', '/proof/']) {
      window.civicLogin.open(path).then(() => window.kept.push(path));
    }
  })]);
  const next = page.waitForEvent('popup');
  await logInAndClose(person, popup);
  const proof = await next;
  await proof.locator('#civic-login').waitFor();
  assert.deepEqual(await page.evaluate(() => window.kept), ['/members/']);
  assert.equal(await proof.getAttribute('#civic-login', 'data-scope'), 'PROOF_OF_IDENTITY');
  await logInAndClose(person, proof);
  await page.waitForFunction(() => window.kept.length === 2);
});

scene('who is logged in already is asked nothing', {}, async (person) => {
  const first = await person.visit('/members/');
  await person.logIn(first, 'SECRET-CONTENT members');
  const page = await application(person);
  await page.evaluate(() => window.civicLogin.open('/members/'));
  assert.equal(await page.locator('dialog').count(), 0);
});

for (const [tag, locale] of [['en', 'en-GB'], ['de', 'de-AT'], ['ja', 'ja-JP'], ['he', 'he-IL']]) {
  const path = tag === 'he' ? join(process.env.CIVIC_T, 'conf/hebrew.json') : join(source, `src/languages/${tag}.json`);
  const words = JSON.parse(readFileSync(path, 'utf8'));
  const text = words['dialog.words'].replace('{reason}', words['reason.login-required']);

  async function speaks(page, said) {
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    const found = await dialog.locator(':scope > *').evaluateAll((all) => all
      .map((element) => [element.textContent, element.lang, element.dir].join('|')));
    assert.deepEqual(found, said);
  }
  const own = (key, value) => `${value ?? words[key]}|${tag}|${words._dir}`;

  scene(`the dialog speaks the person's language: ${tag}`, { locale, expect: [UNAUTHORIZED, CLOSED] }, async (person) => {
    const page = await person.visit('/open/dialog.html');
    await request(page, ['/members/file.txt']);
    await speaks(page, [own('', text), own('dialog.login'), own('dialog.cancel')]);
    await person.show(page, `spa-${tag}`);
    await page.getByRole('button', { name: words['dialog.cancel'] }).click();
    await outcomes(page, 1);
    await page.evaluate(() => { window.civicLogin.open('/members/').catch(() => {}); });
    await speaks(page, [own('', text), own('dialog.login'), own('dialog.cancel')]);
  });

  scene(`where the site says some words, those are the site's: ${tag}`, { locale, expect: [UNAUTHORIZED] }, async (person) => {
    const page = await application(person);
    await request(page, ['/members/file.txt']);
    await speaks(page, ['Bitte neu anmelden.||', own('dialog.login'), 'Jetzt nicht||']);
  });
}

scene('where the page may ask nobody, the dialog is English, and the login works', { expect: [/ERR_FAILED|ERR_ABORTED/], locale: 'de' }, async (person) => {
  const page = await person.visit('/open/dialog.html');
  await page.route('**/civic/login?*', (route) => route.abort());
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.evaluate(() => {
    window.civicLogin.open('/members/').then(() => { document.title = 'open'; });
  })]);
  await page.getByRole('dialog').getByText('Please log in to go on.').waitFor();
  await logInAndClose(person, popup);
  await page.waitForFunction(() => document.title === 'open');
});

scene('a location that asks for more gets its own login', { expect: [UNAUTHORIZED] }, async (person) => {
  const first = await person.visit('/members/');
  await person.logIn(first, 'SECRET-CONTENT members');
  const page = await application(person);
  const [popup] = await Promise.all([page.waitForEvent('popup'), request(page, ['/proof/index.html'])]);
  await popup.locator('#civic-login').waitFor();
  assert.equal(await popup.getAttribute('#civic-login', 'data-scope'), 'PROOF_OF_IDENTITY');
  await logInAndClose(person, popup);
  assert.match((await outcomes(page, 1))[0], /^200 .*SECRET-CONTENT proof/);
});

scene('what has nothing to do with a login is as ever', {
  expect: [/console: .*404.*\/nowhere/, /console: .*405.*callback/],
}, async (person) => {
  const page = await application(person);
  await request(page, ['/open/'], ['/nowhere'], ['data:text/plain,x'], ['/civic/callback', { method: 'OPTIONS' }]);
  assert.deepEqual((await outcomes(page, 4)).map((outcome) => outcome.slice(0, 3)), ['200', '404', '200', '405']);
  assert.equal(await page.locator('dialog').count(), 0);
});
