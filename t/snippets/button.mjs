// src/assets/button.js in a make-believe page that shows what a stranger wrote: attributes, no scripts.
// Prints "ok - what" or "not ok - what (why)"; t/30-button-script.t reads it.
//   argv[2]  the script
import fs from 'node:fs';
import vm from 'node:vm';

const source = fs.readFileSync(process.argv[2], 'utf8');
const settle = () => new Promise((resolve) => setImmediate(resolve));

// Clicks on an element with this data-civic-return, and logs in. Gives where the page goes then.
async function goesTo(back) {
  const gone = [];
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
    fetch: () => {},
    open: () => ({})
  });
  context.window = context;
  vm.runInContext(source, context);
  click({ target: { closest: () => element }, preventDefault: () => {} });
  channel.onmessage({ data: { done: true } });
  await settle();
  return gone.join(' ');
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
