// Several tabs in one browser: whatever the order, each ends at the address that it asked for.
import assert from 'node:assert/strict';
import { aged } from './lib/seal.mjs';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

// As a browser without BroadcastChannel: tabs hear nothing of each other.
async function deafTabs(person) {
  await person.context.addInitScript(() => { delete window.BroadcastChannel; });
}

async function isLoginPage(page) {
  return await page.locator('#civic-login').count() === 1;
}

scene('log in in one tab, and the other goes on by itself', {}, async (person) => {
  const other = await person.visit('/members/index.html?other=1#part');
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  await person.sees(other, 'SECRET-CONTENT members');
  assert.equal(other.url(), person.server.url('site', '/members/index.html?other=1#part'));
});

scene('so it does while it shows a code of its own', {}, async (person) => {
  const other = await person.visit('/members/');
  await person.start(other);
  await person.scan(other);
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  await person.sees(other, 'SECRET-CONTENT members');
});

scene('so it does after a step-up', {}, async (person) => {
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  const other = await person.visit('/proof/index.html?other=1');
  await person.sees(other, 'This page asks for more');
  await page.goto(person.server.url('site', '/proof/'));
  await person.logIn(page, 'SECRET-CONTENT proof');
  await person.sees(other, 'SECRET-CONTENT proof');
});

scene('a greater login opens the lesser page, not the other way round', {}, async (person) => {
  const proof = await person.visit('/proof/');
  const anonymous = await person.visit('/anonymous/');
  const page = await person.visit('/members/');
  const looked = proof.waitForResponse('**/civic/session');
  await person.logIn(page, 'SECRET-CONTENT members');
  await person.sees(anonymous, 'SECRET-CONTENT anonymous');
  await (await looked).finished();
  assert.ok(await isLoginPage(proof), 'what asks for more waits for it');
  assert.equal(await proof.getAttribute('#civic-login', 'data-reason'), 'login-required',
    'and was not loaded anew');
});

scene('another application is another login', {}, async (person) => {
  const beta = await person.visit('/beta/');
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  assert.ok(await isLoginPage(beta));
  await person.logIn(beta, 'SECRET-CONTENT beta');
  await page.reload();
  await person.sees(page, 'SECRET-CONTENT members');
});

scene('a tab that heard nothing goes on when it is looked at', {}, async (person) => {
  await deafTabs(person);
  const other = await person.visit('/members/index.html?other=1');
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  assert.ok(await isLoginPage(other));
  await other.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await person.sees(other, 'SECRET-CONTENT members');
  assert.equal(other.url(), person.server.url('site', '/members/index.html?other=1'));
});

scene('a tab whose code is on its way does not leave before the answer', {}, async (person) => {
  const [slow, page] = [await person.visit('/members/index.html?slow=1'),
    await person.visit('/members/')];
  const held = slow.waitForRequest('**/civic/callback');
  let release;
  await slow.route('**/civic/callback', async (route) => {
    await new Promise((resolve) => { release = resolve; });
    await route.continue();
  });
  await person.start(slow);
  await person.approve(await person.scan(slow));
  await held;
  const looked = slow.waitForResponse('**/civic/session');
  await person.logIn(page, 'SECRET-CONTENT members');
  await (await looked).finished();
  await person.told(slow, /^Civic has approved/);
  release();
  await person.sees(slow, 'SECRET-CONTENT members');
  await page.reload();
  await person.sees(page, 'SECRET-CONTENT members');
});

for (const order of [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 0, 4, 1, 3]]) {
  scene(`five tabs that hear nothing of each other finish in the order ${order}`, {},
    async (person) => {
      await deafTabs(person);
      const tabs = [];
      for (const number of order.keys()) {
        const page = await person.visit(`/members/index.html?tab=${number}#${number}`);
        await person.start(page);
        tabs.push({ page, address: await person.scan(page) });
      }
      for (const number of order) {
        const { page, address } = tabs[number];
        await person.approve(address);
        await person.sees(page, 'SECRET-CONTENT members');
        assert.equal(page.url(),
          person.server.url('site', `/members/index.html?tab=${number}#${number}`));
      }
      for (const { page } of tabs) {
        await page.reload();
        await person.sees(page, 'SECRET-CONTENT members');
      }
    });
}

async function letWait(person, page, minutes) {
  const main = page.locator('#civic-login');
  const state = aged(await main.getAttribute('data-state'), minutes, person.server.sealKey);
  await main.evaluate((element, value) => { element.dataset.state = value; }, state);
}

scene('a page that was open for 29 minutes still works', {}, async (person) => {
  const page = await person.visit('/members/');
  await letWait(person, page, 29);
  await person.logIn(page, 'SECRET-CONTENT members');
});

// As if the page had been open for so long: its own clock.
async function comeBackLater(page, minutes) {
  await page.evaluate((late) => {
    const now = Date.now;
    Date.now = () => now() + late;
  }, minutes * 60_000);
}

scene('one that was open for hours gets a new state before it starts, and loses nothing', {},
  async (person) => {
    const path = '/members/index.html?a=1#part';
    const page = await person.visit(path);
    await person.at(page, 'ready');
    await letWait(person, page, 180);
    await comeBackLater(page, 180);
    await page.evaluate(() => { window.stillThisPage = true; });
    const renewed = page.waitForResponse('**/civic/renew');
    await person.start(page);
    assert.equal((await renewed).status(), 200);
    const address = await person.scan(page);
    assert.equal(await page.evaluate(() => window.stillThisPage), true, 'without a reload');
    await person.approve(address);
    await person.sees(page, 'SECRET-CONTENT members');
    assert.equal(page.url(), person.server.url('site', path));
  });

scene('one whose state is too old when the approval comes: that is not lost', {
  expect: [/console: .*400.*\/civic\/callback/],
}, async (person) => {
  const path = '/members/index.html?a=1#part';
  const page = await person.visit(path);
  await letWait(person, page, 31);
  await person.logIn(page, 'SECRET-CONTENT members');
  assert.equal(page.url(), person.server.url('site', path));
});

scene('one whose seal key is gone is loaded anew at its address', {
  expect: [/console: .*400.*\/civic\/renew/],
}, async (person) => {
  const path = '/members/index.html?a=1#part';
  const page = await person.visit(path);
  await person.at(page, 'ready');
  await page.locator('#civic-login').evaluate((main) => {
    main.dataset.state = main.dataset.state.replace(/^..../, 'AAAA');
  });
  await comeBackLater(page, 21);
  const loaded = page.waitForEvent('load');
  await person.start(page);
  await loaded;
  await person.at(page, 'ready');
  await person.logIn(page, 'SECRET-CONTENT members');
  assert.equal(page.url(), person.server.url('site', path));
});

scene('the same where another tab has logged in meanwhile: it goes on', {}, async (person) => {
  await deafTabs(person);
  const path = '/members/index.html?old=1#part';
  const old = await person.visit(path);
  await letWait(person, old, 31);
  await person.logIn(await person.visit('/members/'), 'SECRET-CONTENT members');
  await person.logIn(old, 'SECRET-CONTENT members');
  assert.equal(old.url(), person.server.url('site', path));
});
