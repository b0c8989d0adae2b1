// src/assets/button.js in a make-believe page that shows what a stranger wrote: attributes, no scripts.
// Prints "ok - what" or "not ok - what (why)"; t/30-button-script.t reads it.
//   argv[2]  the script
import fs from 'node:fs';
import vm from 'node:vm';

const source = fs.readFileSync(process.argv[2], 'utf8');
const settle = () => new Promise((resolve) => setImmediate(resolve));

// Clicks on an element with this data-civic-return, and lets `say(window, channel)` speak for each window that opens. Gives
// where the page goes then.
async function goesTo(back, say = sayDone, clicks = 1, opens = true) {
  const gone = [];
  const windows = [];
  let click;
  let channel;
  const element = { dataset: { civicLogin: '/members/', civicReturn: back }, dispatchEvent: () => true };
  const context = vm.createContext({
    document: {
      baseURI: 'https://site.example/here?a=1',
      currentScript: { src: 'https://site.example/civic/button.js', dataset: {} },
      addEventListener: (name, listener) => { click = listener; }
    },
    location: {
      origin: 'https://site.example', pathname: '/here', search: '?a=1',
      assign: (address) => gone.push(String(address))
    },
    BroadcastChannel: class { constructor() { channel = this; } },
    CustomEvent: class {},
    URL,
    crypto: globalThis.crypto,
    fetch: () => {},
    open: (address) => opens && windows.push(new URL(address, 'https://site.example').searchParams)
  });
  context.window = context;
  vm.runInContext(source, context);
  for (let i = 0; i < clicks; i += 1) {
    click({ target: { closest: () => element }, preventDefault: () => {} });
  }
  for (const opened of windows) {
    say(opened.get('window'), (data) => channel.onmessage({ data }));
  }
  await settle();
  return gone.join(' ');
}

// What done.js says.
function sayDone(name, tell) {
  tell({ done: name });
}

async function check(what, back, expected) {
  const found = await goesTo(back);
  console.log(found === expected ? `ok - ${what}` : `not ok - ${what} (${found || 'nowhere'})`);
}

const site = 'https://site.example';
await check('a path', '/members/start.html?b=2#part', `${site}/members/start.html?b=2#part`);
await check('a path beside this one', 'start.html', `${site}/start.html`);
await check('an address of the site', `${site}/members/`, `${site}/members/`);
await check('nowhere', undefined, '');
await check('no script', 'javascript:alert(1)', '');
await check('no script in disguise', ' java\nscript:alert(1)', '');
await check('no page of its own', 'data:text/html,<script>alert(1)</script>', '');
await check('no other site', '//evil.example/', '');
await check('nor by a backslash', '/\\evil.example/', '');
await check('nor with another scheme', 'http://site.example/', '');
await check('nor what is no address', 'https://[', '');

async function checkSaid(what, said, expected, clicks) {
  const found = await goesTo('/start', said, clicks);
  const times = found.split(' ').filter((address) => address === `${site}/start`).length;
  console.log(times === expected ? `ok - ${what}` : `not ok - ${what} (${times} times)`);
}

await checkSaid('another window', (name, tell) => tell({ done: '1-2-3-4' }), 0);
await checkSaid('no window', (name, tell) => { tell({ done: null }); tell({ done: true }); tell({}); }, 0);
await checkSaid('no message at all', (name, tell) => { tell(null); tell(undefined); tell(1); }, 0);
await checkSaid('a login in another tab', (name, tell) => tell('CO-ALPHA'), 0);
await checkSaid('one that says it twice', (name, tell) => { sayDone(name, tell); sayDone(name, tell); }, 1);
await checkSaid('several clicks', sayDone, 1, 3);
await checkSaid('names that nobody guesses', (name, tell) => { if (/^\d+(-\d+){3}$/.test(name)) { sayDone(name, tell); } }, 1);

// Where no window opens, the page itself goes to the login, and then on.
async function checkThen(what, back, expected) {
  const found = await goesTo(back, sayDone, 1, false);
  const address = `/civic/login?return=%2Fmembers%2F&then=${encodeURIComponent(expected)}`;
  console.log(found === address ? `ok - ${what}` : `not ok - ${what} (${found})`);
}

await checkThen('to its return', '/start?a=b#c', '/start?a=b#c');
await checkThen('back, where it has none', undefined, '/here?a=1');
await checkThen('back, where it is of no use', 'javascript:alert(1)', '/here?a=1');
