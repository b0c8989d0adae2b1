// On a telephone a form that met no session goes through the Civic app, too: the tab that the app opens sends it,
// once, whether the first tab is there or not. Where it cannot be kept, the person reads so before the app is opened.
import assert from 'node:assert/strict';
import { ADDRESS, received, send } from './lib/forms.mjs';
import { judge } from './lib/judge.mjs';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const KEPT = 'What you have sent is kept, and sent again after the login.';
const LOST = 'What you have sent could not be kept. Please send it again after the login.';
const PHONE = { mobile: true };

// What is stored of forms, by a page of the site.
function stored(page) {
  return page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('civic-form ')));
}

// Counts the forms that arrive, in whatever tab: those with a session.
function countArrivals(person) {
  const arrivals = [];
  person.context.on('response', (answer) => {
    const request = answer.request();
    if (request.method() === 'POST' && /\/cgi\b/.test(request.url()) && answer.status() === 200) {
      arrivals.push(request.url());
    }
  });
  return arrivals;
}

async function sent(person, form = {}) {
  const page = await person.visit('/');
  await send(page, { fields: [['a', 'typed-for-hours']], ...form });
  await person.sees(page, KEPT);
  return page;
}

async function arrived(page, text = 'a=typed-for-hours') {
  const { method, body } = await received(page);
  assert.equal(`${method} ${body}`, `POST ${text}`);
}

for (const isGone of [false, true]) {
  scene(`it is sent by the tab that the app opens, the first one is ${isGone ? 'gone' : 'there'}`, PHONE, async (person) => {
    const arrivals = countArrivals(person);
    const first = await sent(person, { action: `${ADDRESS}#part-2` });
    const second = await person.throughTheApp(first);
    if (isGone) {
      await first.close();
    }
    await arrived(second);
    assert.equal(second.url(), person.server.url('site', `${ADDRESS}#part-2`), 'at its address');
    assert.deepEqual(await stored(second), [], 'nothing is left');
    if (!isGone) {
      await first.goBack();
      assert.equal((await received(first)).method, 'GET', 'Back in the first tab leads to the page');
    }
    await second.goBack().catch(() => {});
    assert.equal(arrivals.length, 1, 'once');
  });
}

scene('one with files, by parts', PHONE, async (person) => {
  const first = await sent(person, {
    fields: [['a', 'é'], ['file', { name: 'p.bin', type: 'application/x-own', bytes: [...Array(256).keys()] }]],
    enctype: 'multipart/form-data',
  });
  const { type, body } = await received(await person.throughTheApp(first));
  assert.equal(type, 'multipart/form-data; boundary=BOUNDARY');
  assert.match(body, /name="file"; filename="p\.bin"\r\nContent-Type: application\/x-own/);
});

// Apps that are opened by a link of their own leave the first tab as it is.
async function startAndStay(person, page) {
  await page.locator('#signupButton:enabled').waitFor();
  await page.evaluate(() => {
    window.civic.sip.prototype.signup = () => {};
  });
  await person.start(page);
  await person.at(page, 'waiting');
}

scene('the first tab stays as it is: it goes on without the form, which was sent already', PHONE, async (person) => {
  const arrivals = countArrivals(person);
  const first = await sent(person);
  await startAndStay(person, first);
  assert.equal((await stored(first)).length, 1);
  const other = await person.visit(ADDRESS);
  await person.sees(other, KEPT);
  await arrived(await person.throughTheApp(other));
  await person.sees(first, 'SECRET-CONTENT');
  assert.equal((await received(first)).method, 'GET');
  assert.equal(arrivals.length, 1);
});

scene('the first tab stays as it is, and the app was never opened: it sends the form itself', PHONE, async (person) => {
  const arrivals = countArrivals(person);
  const first = await sent(person);
  await startAndStay(person, first);
  await person.sees(await person.throughTheApp(await person.visit('/members/')), 'SECRET-CONTENT members');
  await arrived(first);
  assert.deepEqual(await stored(first), []);
  assert.equal(arrivals.length, 1);
});

scene('Back from the app: the form is still there, and is sent', PHONE, async (person) => {
  const arrivals = countArrivals(person);
  const first = await sent(person);
  await person.start(first);
  await first.waitForURL(/\/phone\//);
  await first.goBack();
  await person.sees(first, KEPT);
  await judge(first, { shifts: false });
  await person.show(first, 'mobile-form');
  await arrived(await person.throughTheApp(first));
  assert.equal(arrivals.length, 1);
});

scene('who does not want it sent says so, in the tab that came up too', PHONE, async (person) => {
  const first = await sent(person);
  await person.start(first);
  await first.waitForURL(/\/phone\//);
  await first.goBack();
  await first.getByRole('button', { name: 'Do not send it' }).tap();
  assert.deepEqual(await stored(first), []);
  const second = await person.throughTheApp(first);
  assert.equal((await received(second)).method, 'GET');
});

scene('one that was corrected and sent anew takes the place of the first', PHONE, async (person) => {
  const first = await sent(person);
  await person.start(first);
  await first.waitForURL(/\/phone\//);
  await first.goto(person.server.url('site', '/'));
  await send(first, { fields: [['a', 'corrected']] });
  await person.sees(first, KEPT);
  const second = await person.throughTheApp(first);
  await arrived(second, 'a=corrected');
  assert.deepEqual(await stored(second), []);
});

scene('two tabs with a form each: each is sent once', PHONE, async (person) => {
  const arrivals = countArrivals(person);
  const [one, two] = [await sent(person, { action: '/members/cgi?tab=1' }), await sent(person, { action: '/members/cgi?tab=2' })];
  await startAndStay(person, one);
  await arrived(await person.throughTheApp(two));
  await arrived(one);
  assert.deepEqual(arrivals.map((url) => url.slice(-1)).sort(), ['1', '2']);
});

scene('after a while it is not kept: it is removed, and the page says so', PHONE, async (person) => {
  const first = await sent(person);
  await person.start(first);
  await first.waitForURL(/\/phone\//);
  await person.context.addInitScript(() => {
    const now = Date.now;
    Date.now = () => now() + 16 * 60_000;
  });
  await first.goBack();
  await person.sees(first, LOST);
  await person.at(first, 'ready');
  assert.deepEqual(await stored(first), []);
});

scene('an old one is removed by the login page of any address', PHONE, async (person) => {
  const page = await person.visit('/');
  await page.evaluate(() => localStorage.setItem('civic-form 1', JSON.stringify(
    { path: '/elsewhere', time: Date.now() - 16 * 60_000 },
  )));
  await page.goto(person.server.url('site', '/members/'));
  await person.at(page, 'ready');
  assert.deepEqual(await stored(page), []);
});

scene('where nothing can be stored, the page says so instead of promising', PHONE, async (person) => {
  await person.context.addInitScript(() => {
    Storage.prototype.setItem = () => { throw new DOMException('no', 'QuotaExceededError'); };
  });
  const first = await person.visit('/');
  await send(first, { fields: [['a', '1']] });
  await person.sees(first, LOST);
  await person.show(first, 'mobile-form-lost');
  assert.equal(await first.getByText(KEPT).count(), 0);
});

scene('where it cannot be stored any more, the page says so before the app is opened', PHONE, async (person) => {
  const first = await sent(person);
  await first.evaluate(() => {
    Storage.prototype.setItem = () => { throw new DOMException('no', 'QuotaExceededError'); };
  });
  await person.start(first);
  await person.at(first, 'form-lost');
  await person.told(first, new RegExp(`^${LOST}$`));
  await person.start(first);
  await first.waitForURL(/\/phone\//);
});

scene('on a desk nothing is stored', {}, async (person) => {
  const page = await sent(person);
  await person.start(page);
  await person.at(page, 'waiting');
  assert.deepEqual(await stored(page), []);
});
