// A browser that does not play along: the page names the reason, and nothing goes round in circles.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

// How often a page itself is asked for.
function countLoads(page) {
  const loads = [];
  page.on('request', (request) => {
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) {
      loads.push(request.url());
    }
  });
  return loads;
}

scene('JavaScript is off', { javaScriptEnabled: false }, async (person) => {
  const page = await person.visit('/members/');
  await page.locator('noscript p').waitFor();
  assert.match(await page.locator('noscript').innerText(), /^This login needs JavaScript\./);
  await person.show(page, 'no-script');
  assert.ok(await page.isDisabled('#signupButton'));
});

scene('all cookies are refused: the page says so before anybody starts in vain', {
  cookies: false,
}, async (person) => {
  const page = await person.visit('/members/');
  await person.told(page, /^Your browser keeps no cookies for this site/);
  assert.ok(await page.isDisabled('#signupButton'));
  await person.show(page, 'no-cookies');
  const loads = countLoads(page);
  const loaded = page.waitForEvent('load');
  await page.getByRole('button', { name: 'Try again' }).click();
  await loaded;
  await person.at(page, 'cookies');
  assert.deepEqual(loads, [page.url()], 'asked for once');
  assert.deepEqual(await person.context.cookies(), [], 'there really are none');
});

scene('the login cookie alone has gone', {
  expect: [/console: .*403.*\/civic\/callback/],
}, async (person) => {
  const page = await person.visit('/members/');
  await person.start(page);
  const address = await person.scan(page);
  await person.context.clearCookies();
  await person.approve(address);
  await person.told(page, /or your browser does not keep cookies\. .* Reference:\s[A-Z2-9]{8}$/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await person.at(page, 'ready');
  await person.logIn(page, 'SECRET-CONTENT members');
});

scene('only the session\'s cookie is not kept', {}, async (person) => {
  const path = '/members/index.html?a=1';
  const page = await person.visit(path, 'forgetful');
  const loads = countLoads(page);
  await person.logIn(page, 'Your browser does not send the session cookie.');
  await person.sees(page, 'your browser did not send the session back');
  await person.show(page, 'session-not-kept');
  const reference = await page.textContent('.civic-reference code');
  assert.match(person.server.logged(reference).join('\n'), /session-not-kept/);
  assert.equal(await page.getAttribute('#civic-login', 'data-reason'), 'session-not-kept');
  await page.getByRole('button', { name: 'Log in with Civic', disabled: false }).waitFor();
  assert.deepEqual(loads, [person.server.url('forgetful', path)], 'asked for once');
});

scene('a policy of the site for everything does not bite the login', {}, async (person) => {
  const path = '/members/index.html?a=1#part';
  const page = await person.context.newPage();
  const answer = await page.goto(person.server.url('policy', path));
  assert.match(answer.headers()['content-security-policy'], /^default-src 'none'; script-src /);
  await person.logIn(page, 'SECRET-CONTENT members');
  assert.equal(page.url(), person.server.url('policy', path));
  const protectedPage = await page.reload();
  assert.equal(protectedPage.headers()['content-security-policy'], "default-src 'self'",
    'which counts for the site\'s own pages');
  await page.goto(person.server.url('policy', '/civic/logout?return=/'));
  await page.getByRole('button', { name: 'Log out' }).click();
  await person.sees(page, 'A public page');
});
