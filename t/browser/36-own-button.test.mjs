// A page of the site has a login button of its own: the login is in another window, the page stays as it
// is. The page needs nothing of Civic in its policy.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

// Clicks, and gives the window that opens.
async function open(page, selector) {
  const [popup] = await Promise.all([page.waitForEvent('popup'), page.click(selector)]);
  return popup;
}

// Logs in in a window, which closes by itself.
async function logInAndClose(person, popup) {
  await person.start(popup);
  const address = await person.scan(popup);
  const closed = popup.waitForEvent('close');
  await person.approve(address);
  await closed;
}

for (const site of ['site', 'own']) {
  scene(`a button opens the login, and the page hears that it is done (${site})`, {}, async (person) => {
    const page = await person.visit('/open/button.html', site);
    await page.fill('#work', 'half of a letter');
    const popup = await open(page, '#here');
    await popup.getByRole('button', { name: 'Log in with Civic' }).waitFor();
    assert.equal(await popup.getAttribute('#civic-login', 'data-scope'), 'BASIC_SIGNUP');
    await person.show(popup, `button-window-${site}`);
    await logInAndClose(person, popup);
    await person.sees(page, 'logged in by here;');
    assert.equal(await page.inputValue('#work'), 'half of a letter');
    assert.equal(await page.evaluate(() => fetch('/members/').then((answer) => answer.status)), 200);
  });
}

scene('who is logged in already sees the window close by itself', {}, async (person) => {
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  await page.goto(person.server.url('site', '/open/button.html'));
  const popup = await open(page, '#here');
  if (!popup.isClosed()) {
    await popup.waitForEvent('close');
  }
  await person.sees(page, 'logged in by here;');
});

scene('a link asks for what its location asks for, and leads on', {}, async (person) => {
  const page = await person.visit('/open/button.html');
  const popup = await open(page, '#proof');
  await popup.getByRole('button', { name: 'Log in with Civic' }).waitFor();
  assert.equal(await popup.getAttribute('#civic-login', 'data-scope'), 'PROOF_OF_IDENTITY');
  await logInAndClose(person, popup);
  await person.sees(page, 'SECRET-CONTENT proof');
  assert.equal(page.url(), person.server.url('site', '/proof/index.html?a=1#part'));
});

scene('a login in another tab counts as well', {}, async (person) => {
  const page = await person.visit('/open/button.html');
  const popup = await open(page, '#here');
  await popup.locator('#civic-login').waitFor();
  const other = await person.visit('/members/');
  const closed = popup.waitForEvent('close');
  await person.logIn(other, 'SECRET-CONTENT members');
  await person.sees(page, 'logged in by here;');
  await closed;
});

// Closes the window that a click has opened.
async function openAndClose(page, selector) {
  const popup = await open(page, selector);
  await popup.locator('#civic-login').waitFor();
  await popup.close();
}

// Waits until the page has heard all that was said so far: messages of a channel come in their order.
async function hasHeard(page, other) {
  await page.evaluate(() => {
    window.heard = new Promise((resolve) => {
      new BroadcastChannel('civic-login').onmessage = ({ data }) => { if (data === 'last') { resolve(); } };
    });
  });
  const heard = page.evaluate(() => window.heard);
  await other.evaluate(() => new BroadcastChannel('civic-login').postMessage('last'));
  await heard;
}

async function logInElsewhere(person, path, content) {
  const other = await person.visit(path);
  await person.logIn(other, content);
  return other;
}

scene('a login that nobody here asked for changes nothing: a lesser one', {}, async (person) => {
  const page = await person.visit('/open/button.html');
  await openAndClose(page, '#proof');
  await page.fill('#work', 'half of a letter');
  const other = await logInElsewhere(person, '/members/', 'SECRET-CONTENT members');
  await hasHeard(page, other);
  assert.equal(page.url(), person.server.url('site', '/open/button.html'), 'the page stays');
  assert.equal(await page.inputValue('#work'), 'half of a letter');
  assert.equal(await page.textContent('#told'), '');
});

scene('nor does one that is enough, when the window has been closed', {}, async (person) => {
  const page = await person.visit('/open/button.html');
  await openAndClose(page, '#proof');
  const other = await logInElsewhere(person, '/proof/', 'SECRET-CONTENT proof');
  await hasHeard(page, other);
  assert.equal(page.url(), person.server.url('site', '/open/button.html'));
  assert.equal(await page.textContent('#told'), '');
});

scene('nor what another site lets the browser open', {}, async (person) => {
  const page = await person.visit('/open/button.html');
  await openAndClose(page, '#here');
  const other = await logInElsewhere(person, '/members/', 'SECRET-CONTENT members');
  for (const name of ['', '&window=', '&window=1', '&window=null', '&window=undefined']) {
    await other.goto(person.server.url('site', `/civic/login?return=/members/&popup=1${name}`));
    await person.sees(other, 'You can close this window.');
  }
  await hasHeard(page, other);
  assert.equal(await page.textContent('#told'), '');
});

scene('however often somebody clicks, it is done once', {}, async (person) => {
  const page = await person.visit('/open/button.html');
  await openAndClose(page, '#here');
  await openAndClose(page, '#here');
  const first = await open(page, '#here');
  await first.locator('#civic-login').waitFor();
  const popup = await open(page, '#here');
  const closed = first.isClosed() ? null : first.waitForEvent('close');
  await logInAndClose(person, popup);
  await closed;
  await person.sees(page, 'logged in by here;');
  await hasHeard(page, page);
  assert.equal(await page.textContent('#told'), 'logged in by here; ');
});

scene('two buttons wait for a login each', {}, async (person) => {
  const page = await person.visit('/open/button.html');
  const proof = await open(page, '#proof');
  await proof.locator('#civic-login').waitFor();
  const popup = await open(page, '#here');
  await logInAndClose(person, popup);
  await person.sees(page, 'logged in by here;');
  assert.equal(page.url(), person.server.url('site', '/open/button.html'), 'the other waits on');
  await logInAndClose(person, proof);
  await person.sees(page, 'SECRET-CONTENT proof');
});

scene('where no window may open, the page goes there itself', {}, async (person) => {
  await person.context.addInitScript(() => { window.open = () => null; });
  const page = await person.visit('/open/button.html');
  await page.click('#proof');
  await person.logIn(page, 'SECRET-CONTENT proof');
  assert.equal(page.url(), person.server.url('site', '/proof/index.html?a=1#part'));
});

scene('it is the login that was asked for, and leads back', {}, async (person) => {
  await person.context.addInitScript(() => { window.open = () => null; });
  const page = await person.visit('/open/button.html?a=1&b=%26');
  await page.click('#here');
  await page.locator('#civic-login').waitFor();
  assert.equal(await page.getAttribute('#civic-login', 'data-scope'), 'BASIC_SIGNUP');
  await person.logIn(page, 'A page of the site');
  assert.equal(page.url(), person.server.url('site', '/open/button.html?a=1&b=%26'));
  assert.equal(await page.evaluate(() => fetch('/members/').then((answer) => answer.status)), 200);
});

scene('the Civic app comes back in a tab of its own, and the page hears of it', { mobile: true }, async (person) => {
  const page = await person.visit('/open/button.html');
  await page.fill('#work', 'half of a letter');
  const popup = await open(page, '#here');
  await person.start(popup);
  await popup.waitForURL(/\/phone\//);
  await popup.tap('#approve');
  await person.sees(page, 'logged in by here;');
  assert.equal(await page.inputValue('#work'), 'half of a letter');
});
