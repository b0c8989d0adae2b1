// Each state of the login page, reached by what brings it about: its words, its action, a picture,
// axe-core in light and dark, and no jump on the way there. Phone and desktop take turns.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { judge, watchShifts } from './lib/judge.mjs';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const PHONE = { viewport: { width: 320, height: 640 } }; // as narrow as it gets, or 400% zoom
const DESKTOP = { viewport: { width: 1280, height: 800 } };
const LIBRARY = '**/js/civic.sip.min.js*';
const CALLBACK = '**/civic/callback';
const START = 'Log in with Civic';

async function toCode(person, path = '/members/', site = 'site') {
  const page = await person.visit(path, site);
  await person.start(page);
  return { page, address: await person.scan(page) };
}

async function approved(person, path, site) {
  const { page, address } = await toCode(person, path, site);
  await person.approve(address);
  return page;
}

async function faulty(person, fault) {
  await person.server.fault(fault);
  return approved(person);
}

// Requests for an address wait until the test has seen enough: the page stays as it is.
const held = [];
async function hold(person, pattern) {
  await person.context.route(pattern, (route) => { held.push(route); });
}

async function letGo() {
  await Promise.all(held.splice(0).map((route) => route.fulfill({ status: 204 }).catch(() => {})));
}

// state: [step, words, the button that can be clicked, how one gets there, what the browser complains of]
const STATES = {
  ready: ['ready', /^You need the Civic app on your phone/, START, (person) => person.visit('/members/')],
  loading: ['loading', /^Preparing the login …$/, null, async (person) => {
    await hold(person, LIBRARY);
    return person.visit('/members/');
  }],
  waiting: ['waiting', /^Waiting for your approval/, START, async (person) => (await toCode(person)).page],
  read: ['read', /^Your phone has read the code/, START, async (person) => {
    const { page, address } = await toCode(person);
    await person.openPhone(address);
    return page;
  }],
  delivering: ['delivering', /^Civic has approved/, null, async (person) => {
    await hold(person, CALLBACK);
    return approved(person);
  }],
  slow: ['delivering', /^Still logging you in/, null, async (person) => {
    await hold(person, CALLBACK);
    const page = await approved(person);
    await person.told(page, /^Still/);
    return page;
  }],
  cancelled: ['cancelled', /^You have cancelled/, START, async (person) => {
    const { page } = await toCode(person);
    await page.frameLocator('#civic-frame').getByRole('button', { name: 'Cancel' }).click();
    return page;
  }],
  denied: ['denied', /^The request was declined/, START, async (person) => {
    const { page, address } = await toCode(person);
    await person.deny(address);
    return page;
  }],
  blocked: ['blocked', /ad blocker or your network .*: allow localhost:\d+ and/, 'Try again', async (person) => {
    await person.context.route(LIBRARY, (route) => route.abort('blockedbyclient'));
    return person.visit('/members/');
  }, [/ERR_BLOCKED_BY_CLIENT/]],
  unexpected: ['blocked', /^Civic’s login did not load as expected\. Reference:\s/, 'Try again', async (person) => {
    await person.context.route(LIBRARY, (route) => route.fulfill({ contentType: 'text/javascript', body: 'var other;' }));
    return person.visit('/members/');
  }],
  'not-started': ['not-started', /^Civic’s login could not be started\. Reference:\s/, 'Try again', async (person) => {
    await person.context.route(LIBRARY, (route) => route.fulfill({
      contentType: 'text/javascript', body: 'window.civic = { sip() { throw new Error("no"); } };',
    }));
    return person.visit('/members/');
  }],
  'not-started-later': ['not-started', /^Civic’s login could not be started\. Reference:\s/, 'Try again', async (person) => {
    const page = await person.visit('/members/');
    await person.at(page, 'ready');
    await page.evaluate(() => { window.civic.sip.prototype.signup = () => { throw new Error('no'); }; });
    await person.start(page);
    return page;
  }],
  offline: ['offline', /^You are offline/, 'Try again', async (person) => {
    await person.context.route(LIBRARY, (route) => route.abort('internetdisconnected'));
    await person.context.addInitScript(() => {
      Object.defineProperty(navigator, 'onLine', { configurable: true, value: false });
    });
    return person.visit('/members/');
  }, [/ERR_INTERNET_DISCONNECTED/]],
  unreachable: ['offline', /^This site could not be reached/, 'Try again', async (person) => {
    await person.context.route(CALLBACK, (route) => route.abort('internetdisconnected'));
    return approved(person);
  }, [/ERR_INTERNET_DISCONNECTED/]],
  expired: ['expired', /^This page was open for a long time/, START, async (person) => {
    await hold(person, '**/civic/renew');
    const page = await person.visit('/members/');
    await person.at(page, 'ready');
    await page.evaluate(() => {
      const now = Date.now;
      Date.now = () => now() + 3600_000;
    });
    await person.start(page);
    return page;
  }],
  refused: ['upstream-refused', /credentials\. Trying again does not help.* Reference:\s[A-Z2-9]{8}$/, START,
    (person) => faulty(person, '401'), [/502.*\/civic\/callback/]],
  used: ['code-used', /^This approval was used before\. Please start again\. Reference:\s/, 'Try again',
    (person) => faulty(person, '403'), [/401.*\/civic\/callback/]],
  throttled: ['too-many-attempts', /^Too many logins .* by itself .* Reference:\s/, null, async (person) => {
    const { page, address } = await toCode(person, '/members/', 'impatient');
    await page.evaluate(() => Promise.all(Array.from({ length: 6 },
      () => fetch('/civic/callback', { method: 'POST' }))));
    await person.approve(address);
    return page;
  }, [/(429|415).*\/civic\/callback/]],
  busy: ['upstream-throttled', /^Civic is busy\. Please try again in a moment\. Reference:\s/, null,
    (person) => faulty(person, '429'), [/503.*\/civic\/callback/]],
  down: ['upstream-error', /^Civic has a problem\. Please try again in a moment\. Reference:\s/, null,
    (person) => faulty(person, '503'), [/502.*\/civic\/callback/]],
  elsewhere: ['elsewhere', /^You have logged in in another tab/, START, async (person) => {
    const page = await person.visit('/members/index.html?other=1');
    await person.at(page, 'ready');
    // No content: the browser stays where it is.
    await person.context.route(/other=1$/, (route) => route.fulfill({ status: 204 }));
    await person.logIn(await person.visit('/members/'), 'SECRET-CONTENT members');
    await page.bringToFront();
    return page;
  }],
  'civic-error': ['civic-error', /^Civic reports a problem: the domain .* white list/, 'Try again',
    async (person) => {
      const page = await person.visit('/members/', 'unlisted');
      await person.start(page);
      return page;
    }],
  'other-browser': ['other-browser', /^This login was started in another browser/, START,
    (person) => person.visit('/members/?uuid=00000000-0000-4000-8000-000000000000')],
  'no-cookies': ['cookies', /^Your browser keeps no cookies/, 'Try again', (person) => person.visit('/members/')],
};

// What the browser alone sees has the reference of the page, and a line of the log that the page has sent.
async function isInTheLog(person, page, step) {
  const reference = /Reference:\s([A-Z2-9]{8})$/.exec(await person.told(page, /Reference:\s/))[1];
  assert.equal(reference, await page.getAttribute('#civic-login', 'data-reference'));
  const line = new RegExp(`auth_civic: login page: ${step} \\(application CO-\\w+ at https?://localhost\\S*: [^()]*\\) ref=`);
  const lines = () => person.server.logged(reference).filter((one) => line.test(one));
  for (let tries = 0; tries < 150 && lines().length === 0; tries += 1) {
    await sleep(100); // the page does not wait for the answer
  }
  assert.equal(lines().length, 1, 'one line');
}
const SEEN_HERE = ['blocked', 'unexpected', 'offline', 'unreachable', 'civic-error', 'no-cookies', 'not-started',
  'not-started-later'];

let turn = 0;
for (const [name, [step, words, action, reach, expect = []]] of Object.entries(STATES)) {
  const screen = turn++ % 2 ? PHONE : DESKTOP;
  scene(`the state ${name}`, {
    ...screen, expect: expect.map((text) => new RegExp(`console: .*${text.source}`)), cookies: name !== 'no-cookies',
  }, async (person) => {
    await watchShifts(person.context);
    const page = await reach(person);
    await person.at(page, step);
    await person.told(page, words);
    if (SEEN_HERE.includes(name)) {
      await isInTheLog(person, page, step);
    }
    for (const button of await page.locator('main button:visible').all()) {
      const label = await button.textContent();
      assert.equal(await button.isEnabled() && await button.getAttribute('aria-disabled') !== 'true',
        label === action || (label === START && action === 'Try again' && step !== 'blocked'
          && step !== 'cookies' && await page.isEnabled('#signupButton')), label);
    }
    await judge(page);
    await page.evaluate(() => window.stop()); // a picture waits for what a page still loads
    await person.show(page, `state-${name}`);
    await letGo();
  });
}

scene('the state no-script', { ...DESKTOP, javaScriptEnabled: false }, async (person) => {
  const page = await person.visit('/members/');
  await page.locator('noscript p').waitFor();
  assert.ok(await page.isHidden('#signupButton'), 'no button that does nothing');
  await person.show(page, 'state-no-script');
  await page.emulateMedia({ colorScheme: 'dark' });
  await person.show(page, 'state-no-script-dark');
});

// The other pages of the family.
const PAGES = {
  'step-up': (person) => person.visit('/proof/'),
  anonymous: (person) => person.visit('/anonymous/'),
  logout: (person) => person.visit('/civic/logout?return=/'),
  'no-address': (person) => person.visit('/civic/callback'),
};

for (const [name, reach] of Object.entries(PAGES)) {
  for (const [size, screen] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
    scene(`the page ${name} on a ${size}`, {
      ...screen, expect: name === 'no-address' ? [/console: .*405/] : [],
    }, async (person) => {
      await watchShifts(person.context);
      const page = await reach(person);
      await page.getByRole('heading', { level: 1 }).waitFor();
      await judge(page);
      await person.show(page, `page-${name}-${size}`);
    });
  }
}

scene('the page for somebody who may not see it', { ...PHONE, expect: [/console: .*403/] }, async (person) => {
  await person.logIn(await person.visit('/members/'), 'SECRET-CONTENT members');
  const page = await person.visit('/nobody/');
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  await judge(page, { shifts: false });
  await person.show(page, 'page-not-allowed');
});

scene('the operator\'s page', DESKTOP, async (person) => {
  const page = await person.visit('/operator/numbers');
  await page.getByRole('heading', { level: 1 }).waitFor();
  await judge(page, { shifts: false });
  await person.show(page, 'page-status');
});
