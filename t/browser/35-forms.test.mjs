// A form that meets no session arrives after the login: once, at its address, byte for byte what it would
// have been with a session.
import assert from 'node:assert/strict';
import { ADDRESS, received, send } from './lib/forms.mjs';
import { aged } from './lib/seal.mjs';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

// The same form without a session and with one.
async function sendTwice(person, form) {
  const page = await person.visit('/');
  await send(page, form);
  await person.sees(page, 'What you have sent is kept, and sent again after the login');
  await person.logIn(page, 'SECRET-CONTENT');
  const after = await received(page);
  assert.equal(page.url(), person.server.url('site', form.action ?? ADDRESS));
  const other = await person.visit('/');
  await send(other, form);
  return { after, usual: await received(other), page };
}

const FIELDS = [
  ['b', '2'], ['a', '1'], ['b', '3'], ['', 'no name'], ['empty', ''],
  ['text', 'line one\nline two\n\n  "quotes" \'and\' <markup></textarea><script>alert(1)</script>&amp;'],
  ['nul', 'a\u0000b'], ['unicode', 'Größe, 日本語, 🙂, \u2028'],
  ['submit', 'a button?'], ['action', '/elsewhere'], ['method', 'get'], ['enctype', 'x'], ['name', 'n'],
  ['length', '9'], ['appendChild', 'x'], ['_charset_', 'own'], ['__proto__', 'x'], ['%41+&=;', '%41+&=;#'],
];
const FILES = [
  ['file', { name: 'picture "1" é.bin', type: 'application/x-own', bytes: [...Array(256).keys()] }],
  ['none', {}], ['file', { name: 'second.txt', type: 'text/plain', bytes: [97, 10, 98] }],
];

for (const [name, form] of Object.entries({
  'a form': { fields: FIELDS },
  'one with a fragment': { fields: [['a', '1']], action: `${ADDRESS}#part-2` },
  'one without fields': { fields: [] },
  'one of text': { fields: FIELDS, enctype: 'text/plain' },
  'one in another encoding': { fields: FIELDS, 'accept-charset': 'windows-1252' },
  'one in Japanese': { fields: FIELDS, 'accept-charset': 'shift_jis' },
  'one of parts': { fields: FIELDS, enctype: 'multipart/form-data' },
  'parts in another encoding': {
    fields: [...FIELDS, ['late', 'é']], enctype: 'multipart/form-data', 'accept-charset': 'iso-8859-15',
  },
  'one with files': { fields: [...FIELDS.slice(0, 3), ...FILES, ['late', 'é']], enctype: 'multipart/form-data' },
})) {
  scene(`${name} arrives as it would have`, {}, async (person) => {
    const { after, usual } = await sendTwice(person, form);
    assert.equal(after.method, 'POST');
    assert.equal(after.query, 'x=1');
    assert.deepEqual(after, usual);
  });
}

scene('it is sent once: Back and a reload do not send it again', {}, async (person) => {
  const page = await person.visit('/');
  const posts = [];
  page.on('request', (request) => {
    if (request.method() === 'POST' && /members\/cgi/.test(request.url())) {
      posts.push(request.url());
    }
  });
  await send(page, { fields: [['a', '1']] });
  await person.sees(page, 'What you have sent is kept');
  await person.show(page, 'form-kept');
  await person.logIn(page, 'SECRET-CONTENT');
  assert.equal(posts.length, 2, 'once without and once with a session');
  await page.goBack();
  assert.equal((await received(page)).method, 'GET');
  assert.equal(posts.length, 2);
});

scene('a session that has ended meanwhile: nothing of what was written is lost', {}, async (person) => {
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  await page.evaluate(() => fetch('/civic/logout', { method: 'POST' }));
  await send(page, { fields: FIELDS });
  await person.logIn(page, 'SECRET-CONTENT');
  assert.match((await received(page)).body, /^b=2&a=1&b=3&/);
});

scene('two tabs with a form each: each sends its own', {}, async (person) => {
  const tabs = [await person.visit('/'), await person.visit('/')];
  for (const [number, page] of tabs.entries()) {
    await send(page, { fields: [['tab', String(number)]] });
    await person.sees(page, 'What you have sent is kept');
  }
  await person.logIn(tabs[1], 'SECRET-CONTENT');
  for (const [number, page] of tabs.entries()) {
    const { method, body } = await received(page);
    assert.equal(`${method} ${body}`, `POST tab=${number}`);
  }
});

async function withState(page, change) {
  const main = page.locator('#civic-login');
  const state = change(await main.getAttribute('data-state'));
  await main.evaluate((element, value) => { element.dataset.state = value; }, state);
}

scene('a page that was open for too long still has it', {
  expect: [/console: .*400.*\/civic\/callback/],
}, async (person) => {
  const page = await person.visit('/');
  await send(page, { fields: [['a', '1']] });
  await person.sees(page, 'What you have sent is kept');
  await withState(page, (state) => aged(state, 31, person.server.sealKey));
  await person.logIn(page, 'SECRET-CONTENT');
  assert.equal((await received(page)).body, 'a=1');
});

scene('one that has to start anew has it again', {
  expect: [/console: .*400.*\/civic\/callback/],
}, async (person) => {
  const page = await person.visit('/');
  await send(page, { fields: [['a', '1']] });
  await person.sees(page, 'What you have sent is kept');
  await withState(page, () => 'nonsense');
  await person.start(page);
  await person.approve(await person.scan(page));
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('#civic-login[data-step="ready"]').waitFor();
  await person.sees(page, 'What you have sent is kept');
  await person.logIn(page, 'SECRET-CONTENT');
  assert.equal((await received(page)).body, 'a=1');
});

scene('where nothing can be stored, too', {}, async (person) => {
  await person.context.addInitScript(() => {
    for (const name of ['sessionStorage', 'localStorage']) {
      Object.defineProperty(window, name, { get() { throw new DOMException('no', 'SecurityError'); } });
    }
  });
  const page = await person.visit('/');
  await send(page, { fields: [['a', '1']] });
  await person.logIn(page, 'SECRET-CONTENT');
  assert.equal((await received(page)).body, 'a=1');
});

scene('who does not want it sent says so', {}, async (person) => {
  const page = await person.visit('/');
  await send(page, { fields: [['a', '1']] });
  await page.getByRole('button', { name: 'Do not send it' }).click();
  await page.locator('#civic-form-note').waitFor({ state: 'hidden' });
  await person.logIn(page, 'SECRET-CONTENT');
  const { method, body } = await received(page);
  assert.equal(`${method} ${body}`, 'GET ');
});

scene('what another site has sent is not passed on', {}, async (person) => {
  const page = await person.visit('/', 'plain');
  await send(page, { fields: [['a', '1']], action: person.server.url('site', ADDRESS) });
  await person.sees(page, 'What another site has sent to this page is not passed on.');
  await person.show(page, 'form-foreign');
  await person.logIn(page, 'SECRET-CONTENT');
  const { method, body } = await received(page);
  assert.equal(`${method} ${body}`, 'GET ');
});

scene('one that is too large says so', {}, async (person) => {
  const page = await person.visit('/');
  await send(page, { fields: [['a', 'x'.repeat(70000)]] });
  await person.sees(page, 'What you have sent could not be kept.');
  await person.show(page, 'form-lost');
  await person.logIn(page, 'SECRET-CONTENT');
  assert.equal((await received(page)).method, 'GET');
});

scene('a form that asks for another login', {}, async (person) => {
  const page = await person.visit('/members/');
  await person.logIn(page, 'SECRET-CONTENT members');
  await send(page, { fields: [['a', '1']], action: '/proof/cgi' });
  await person.sees(page, 'This page asks for more');
  await person.logIn(page, 'SECRET-CONTENT');
  assert.equal((await received(page)).body, 'a=1');
});
