// A page of the site has a protected one in a frame: the frame says what is missing, and leads to the
// login in a window of its own. The login page itself stands in no frame.
import assert from 'node:assert/strict';
import { judge } from './lib/judge.mjs';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

// A page of the site around a frame.
async function around(person, address, { site = 'site', html = `<iframe id="frame" src="${address}">`, headers = {} } = {}) {
  const url = person.server.url(site, '/open/around.html');
  await person.context.route(url, (route) => route.fulfill({
    contentType: 'text/html', headers,
    body: `<!DOCTYPE html><html lang="en"><title>Around</title><h1>Around</h1><style>iframe { width: 100%; height: 30rem }</style>${html}`,
  }));
  const page = await person.context.newPage();
  await page.goto(url);
  return page;
}

async function logInBy(person, page, inside) {
  const [window] = await Promise.all([page.waitForEvent('popup'),
    inside.getByRole('link', { name: 'Open in a new window' }).click()]);
  await person.logIn(window, 'SECRET-CONTENT members');
  return window;
}

// A frame in which the browser shows an error of its own, and nothing of what came.
async function refusedFrame(person, ...how) {
  const page = await around(person, ...how);
  await page.frames()[1].waitForURL(/^chrome-error:/);
  return page;
}

// Same for a site whose pages may frame only what has an embedder policy of its own.
for (const [site, headers] of [['site', {}], ['own', { 'Cross-Origin-Embedder-Policy': 'require-corp' }]]) {
  scene(`the frame leads to a window, and has the page when it is loaded again (${site})`, {}, async (person) => {
    const path = '/members/index.html?a=1';
    const page = await around(person, path, { site, headers });
    const frame = page.frameLocator('#frame');
    await frame.getByText('This cannot be done within another page.').waitFor();
    await person.show(page, `frame-${site}`);
    assert.equal(await frame.locator('#civic-login, button, form, script').count(), 0);
    assert.deepEqual((await person.context.cookies()).map(({ name }) => name), [], 'no login begins by it');
    const window = await logInBy(person, page, frame);
    assert.equal(window.url(), person.server.url(site, path));
    assert.equal(await window.evaluate(() => window.opener), null, 'neither holds the other');
    await page.bringToFront();
    await frame.getByRole('link', { name: 'Load this part again' }).click();
    await frame.getByText('SECRET-CONTENT members').waitFor();
  });
}

scene('what the frame says, on a page of its own size', { viewport: { width: 320, height: 640 } }, async (person) => {
  const page = await around(person, '/members/');
  const frame = page.frames()[1];
  await frame.getByRole('heading', { name: 'Please log in' }).waitFor();
  await page.setContent(await frame.content());
  await judge(page, { shifts: false });
  await person.show(page, 'page-frame');
});

scene('a form that is sent into a frame is told that it is lost', {}, async (person) => {
  const page = await around(person, '', {
    html: '<iframe id="frame" name="frame"></iframe><form method="post" action="/members/" target="frame"><button>Send</button></form>' });
  await page.getByRole('button', { name: 'Send' }).click();
  await page.frameLocator('#frame').getByText('could not be kept').waitFor();
});

scene('a browser that does not tell frames from windows shows nothing, rather than the login', {
  ignoreHTTPSErrors: true, expect: [/console: .*frame-ancestors 'none'/, /401.*chrome-error:/],
}, async (person) => {
  let answer;
  await person.context.route('**/members/*', async (route) => {
    const headers = Object.fromEntries(Object.entries(route.request().headers()).filter(([name]) => !/^sec-/.test(name)));
    const response = await route.fetch({ headers: { ...headers, accept: 'text/html' } });
    answer = await response.text();
    await route.fulfill({ response });
  });
  const page = await refusedFrame(person, '/members/');
  assert.match(answer, /id="civic-login"/, 'it would have been the login page');
  assert.equal(await page.frameLocator('#frame').locator('#civic-login').count(), 0, 'but is not shown');
});

scene('a page of another origin cannot frame even the way to the login', {}, async (person) => {
  const page = await refusedFrame(person, person.server.url('site', '/members/'), { site: 'policy' });
  assert.equal(await page.frameLocator('#frame').locator('main').count(), 0);
});
