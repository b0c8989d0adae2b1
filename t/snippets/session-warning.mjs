// conf/session-warning.js in a make-believe page: time, server and document are this file's. Prints
// "ok - what" or "not ok - what (why)"; t/86-session-warning.t reads it.
//   argv[2]  the snippet
//   argv[3]  what a real session endpoint answered: { date, sessions }
import assert from 'node:assert/strict';
import fs from 'node:fs';
import vm from 'node:vm';

const source = fs.readFileSync(process.argv[2], 'utf8');
const real = JSON.parse(process.argv[3]);
const settle = () => new Promise((resolve) => setImmediate(resolve));

class Element {
  constructor(name) {
    Object.assign(this, { name, children: [], attributes: {}, dataset: {}, listeners: {}, textContent: '' });
  }
  get firstChild() { return this.children[0]; }
  setAttribute(name, value) { this.attributes[name] = value; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  append(...children) { for (const c of children) { c.parent = this; this.children.push(c); } }
  remove() { this.parent.children.splice(this.parent.children.indexOf(this), 1); }
}

// A page with the snippet, at a server whose clock shows `now` (seconds); this machine's is off by a year.
class Page {
  constructor(sessions, dataset = {}) {
    Object.assign(this, { now: 1_800_000_000, sessions, asked: [], timers: [], reloads: 0, status: 200, down: false });
    const document = new Element('document');
    document.body = this.body = new Element('body');
    document.createElement = (name) => new Element(name);
    document.currentScript = { dataset };
    document.visibilityState = 'visible';
    this.document = document;
    this.context = vm.createContext({
      document,
      location: { pathname: '/here', reload: () => { this.reloads++; } },
      setTimeout: (run, ms) => { this.timers.push({ at: this.now + ms / 1000, run }); return this.timers.at(-1); },
      clearTimeout: (timer) => { this.timers = this.timers.filter((t) => t !== timer); },
      fetch: (url, options) => this.fetch(url, options),
      Date: class extends Date { static now() { return super.now() + 366 * 86400 * 1000; } },
    });
  }

  async fetch(url, options) {
    this.asked.push(url);
    assert.equal(options.cache, 'no-store');
    assert.equal(options.credentials, 'same-origin');
    if (this.down) { throw new TypeError('Failed to fetch'); }
    if (url !== (this.document.currentScript.dataset.session || '/civic/session')) {
      this.onUse?.();
      return { ok: true };
    }
    return {
      ok: this.status === 200,
      status: this.status,
      headers: { get: (name) => (name === 'Date' ? new Date(this.now * 1000).toUTCString() : null) },
      json: async () => ({ sessions: structuredClone(this.sessions) }),
    };
  }

  async start() {
    vm.runInContext(source, this.context);
    await this.settled();
    return this;
  }

  async settled() { for (let i = 0; i < 10; i++) { await settle(); } }

  // Let time pass, with all that falls due meanwhile.
  async pass(seconds) {
    const end = this.now + seconds;
    for (;;) {
      const due = this.timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) { break; }
      this.timers = this.timers.filter((t) => t !== due);
      this.now = Math.max(this.now, due.at);
      due.run();
      await this.settled();
    }
    this.now = end;
  }

  get box() { return this.body.children[0]; }
  get kind() { return this.box?.dataset.kind; }
  get text() { return this.box?.firstChild.textContent; }
  async click() { this.box.children[1].listeners.click(); await this.settled(); }
}

const start = 1_800_000_000;
const session = (idle, life) => ({ idleEnds: start + idle, ends: start + life });

const tests = {
  async 'nothing is shown while there is time'() {
    const page = await new Page([session(1800, 43200)]).start();
    await page.pass(1800 - 121);
    assert.equal(page.box, undefined);
    assert.ok(page.asked.length >= 2 && page.asked.length < 10, `asked ${page.asked.length} times`);
  },
  async 'a warning comes two minutes before the end'() {
    const page = await new Page([session(1800, 43200)]).start();
    await page.pass(1800 - 118);
    assert.equal(page.kind, 'idle');
    assert.match(page.text, /ends in 2 minutes/);
    assert.equal(page.box.attributes.role, 'alert');
    assert.equal(page.box.className, 'civic-session-warning');
  },
  async 'the button asks for a page, and the warning goes'() {
    const page = await new Page([session(1800, 43200)], { use: '/members/', warn: '300' }).start();
    await page.pass(1800 - 290);
    page.onUse = () => { page.sessions = [session(1510 + 1800, 43200)]; };
    await page.click();
    assert.ok(page.asked.includes('/members/'));
    assert.equal(page.box, undefined);
    await page.pass(1000);
    assert.equal(page.box, undefined);
  },
  async 'without data-use it asks for this page'() {
    const page = await new Page([session(60, 43200)]).start();
    await page.click();
    assert.ok(page.asked.includes('/here'));
  },
  async 'the box stays the same while it counts down'() {
    const page = await new Page([session(100, 43200)]).start();
    const box = page.box;
    await page.pass(60);
    assert.equal(page.box, box);
    assert.match(page.text, /ends in \d+ seconds/);
  },
  async 'past the end it says so, and the button leads to the login'() {
    const page = await new Page([session(100, 43200)]).start();
    page.sessions = [];
    await page.pass(102);
    assert.equal(page.kind, 'ended');
    await page.click();
    assert.equal(page.reloads, 1);
  },
  async 'a session that the endpoint still shows, but that is over, has ended'() {
    const page = await new Page([session(100, 43200)]).start();
    await page.pass(140);
    assert.equal(page.kind, 'ended');
  },
  async 'the end of its life cannot be put off: it says to save, and can be closed'() {
    const page = await new Page([session(1800, 100)]).start();
    assert.equal(page.kind, 'life');
    assert.match(page.text, /save your work/);
    await page.click();
    assert.equal(page.box, undefined);
    await page.pass(60);
    assert.equal(page.box, undefined);
    await page.pass(45);
    assert.equal(page.kind, 'ended');
  },
  async 'of several sessions the first end counts'() {
    const page = await new Page([session(1800, 43200), session(60, 43200)]).start();
    assert.equal(page.kind, 'idle');
  },
  async 'nobody who was not logged in is told that a session has ended'() {
    const page = await new Page([]).start();
    await page.pass(3600);
    assert.equal(page.box, undefined);
    page.sessions = [{ idleEnds: page.now + 700, ends: page.now + 9999 }];
    await page.pass(301);
    assert.equal(page.box, undefined);
    assert.ok(page.timers.length === 1);
  },
  async 'a server that does not answer ends nothing'() {
    const page = await new Page([session(1800, 43200)]).start();
    page.down = true;
    await page.pass(400);
    page.down = false;
    page.status = 503;
    await page.pass(300);
    assert.equal(page.box, undefined);
    page.status = 200;
    await page.pass(31);
    assert.equal(page.box, undefined);
    assert.equal(page.timers.length, 1);
  },
  async 'coming back to the tab asks at once'() {
    const page = await new Page([session(1800, 43200)]).start();
    const before = page.asked.length;
    page.document.listeners.visibilitychange();
    await page.settled();
    assert.equal(page.asked.length, before + 1);
    assert.equal(page.timers.length, 1);
  },
  async 'what the real endpoint answers is understood'() {
    const page = new Page(real.sessions);
    page.now = real.date;
    await page.start();
    const ends = Math.min(real.sessions[0].idleEnds, real.sessions[0].ends);
    assert.ok(ends > real.date);
    await page.pass(ends - real.date - 60);
    assert.equal(page.kind, 'idle');
  },
  async 'it is fit for a strict Content-Security-Policy'() {
    assert.doesNotMatch(source, /innerHTML|\beval\b|new Function|document\.write|\.style\b|setAttribute\('on/);
  },
};

for (const [name, test] of Object.entries(tests)) {
  try {
    await test();
    console.log(`ok - ${name}`);
  } catch (error) {
    console.log(`not ok - ${name} (${String(error.message).replace(/\s+/g, ' ')})`);
  }
}
