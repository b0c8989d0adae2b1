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

scene('where no window may open, the page goes there itself', {}, async (person) => {
  await person.context.addInitScript(() => { window.open = () => null; });
  const page = await person.visit('/open/button.html');
  await page.click('#proof');
  await person.logIn(page, 'SECRET-CONTENT proof');
  assert.equal(page.url(), person.server.url('site', '/proof/index.html?a=1#part'));
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
