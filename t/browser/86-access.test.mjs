// For everybody: with the keyboard alone, on every width, in light and dark, from right to left, with
// the colours and the calm that a person asked the system for; and small enough to come at once.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { send } from './lib/forms.mjs';
import { findings, judge, watchShifts } from './lib/judge.mjs';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const LIMIT = 20_000; // bytes of page, style and script, without Civic's library and what sends a form
const [, source] = /^abs_top_srcdir = (.*)$/m
  .exec(readFileSync(join(process.env.CIVIC_BUILD, 'Makefile'), 'utf8'));

function focused(page) {
  return page.evaluate(() => document.activeElement.id);
}

scene('the keyboard alone: log in, cancel, try again', {}, async (person) => {
  const page = await person.visit('/members/');
  await person.at(page, 'ready');
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'signupButton', 'the first stop');
  const outline = await page.locator('#signupButton').evaluate((button) => getComputedStyle(button).outlineWidth);
  assert.equal(outline, '3px', 'and one sees it');
  await page.keyboard.press('Enter');
  await person.at(page, 'waiting');
  const cancel = page.frameLocator('#civic-frame').getByRole('button', { name: 'Cancel' });
  await cancel.focus();
  await page.keyboard.press('Enter');
  await person.at(page, 'cancelled');
  assert.equal(await focused(page), 'signupButton', 'the focus comes back from the modal');
  await page.keyboard.press('Space');
  await person.at(page, 'waiting');
});

scene('the keyboard alone: a refusal moves the focus to what can be done', {
  expect: [/console: .*401.*\/civic\/callback/, /console: .*502.*\/civic\/callback/],
}, async (person) => {
  const page = await person.visit('/members/');
  await person.server.fault('403');
  await person.start(page);
  await person.approve(await person.scan(page));
  await person.at(page, 'code-used');
  assert.equal(await focused(page), 'civic-retry');
  await person.server.fault('401');
  await page.keyboard.press('Enter');
  await person.approve(await person.scan(page));
  await person.at(page, 'upstream-refused');
  assert.equal(await focused(page), 'civic-status', 'where nothing can be done, to the words');
});

scene('nobody is interrupted who has not done anything', { expect: [/ERR_BLOCKED_BY_CLIENT/] }, async (person) => {
  await person.context.route('**/js/civic.sip.min.js*', (route) => route.abort('blockedbyclient'));
  const page = await person.visit('/members/');
  await person.at(page, 'blocked');
  assert.equal(await page.evaluate(() => document.activeElement === document.body), true);
});

scene('each word is announced, by one polite region that is there from the start', {}, async (person) => {
  const page = await person.visit('/members/');
  const region = page.getByRole('status');
  assert.equal(await region.count(), 1);
  assert.equal(await region.getAttribute('aria-live'), 'polite');
  await page.evaluate(() => {
    window.heard = [];
    new MutationObserver(() => {
      window.heard.push(document.getElementById('civic-status').textContent);
    }).observe(document.getElementById('civic-status'), { childList: true });
  });
  await person.at(page, 'ready');
  const before = await page.evaluate(() => window.heard.length);
  await person.start(page);
  await person.at(page, 'waiting');
  assert.deepEqual((await page.evaluate(() => window.heard)).slice(before),
    ['Waiting for your approval in the Civic app …'], 'once');
});

for (const colorScheme of ['light', 'dark']) {
  for (const width of [320, 390, 768, 1280]) {
    scene(`${width} wide, ${colorScheme}`, { viewport: { width, height: 800 }, colorScheme }, async (person) => {
      await watchShifts(person.context);
      let arrive; // the library comes once the page has been seen without
      const seen = new Promise((resolve) => { arrive = resolve; });
      await person.context.route('**/js/civic.sip.min.js*', (route) => seen.then(() => route.continue()));
      const page = await person.visit('/members/');
      await page.evaluate(() => new Promise((resolve) => {
        requestAnimationFrame(() => setTimeout(resolve));
      }));
      arrive();
      await person.at(page, 'ready');
      await person.show(page, `look-${width}-${colorScheme}`);
      await judge(page);
    });
  }
}

// The words stay English: what counts is that nothing is on the wrong side.
scene('from right to left', { viewport: { width: 390, height: 800 }, expect: [/console: .*401.*\/civic\/callback/] },
  async (person) => {
    await person.context.addInitScript(() => {
      document.addEventListener('DOMContentLoaded', () => { document.documentElement.dir = 'rtl'; });
    });
    await person.server.fault('403');
    const page = await person.visit('/members/');
    await page.evaluate(() => document.querySelectorAll('main').forEach((main) => { main.dir = 'rtl'; }));
    await person.start(page);
    await person.approve(await person.scan(page));
    await person.at(page, 'code-used');
    await judge(page, { shifts: false });
    await person.show(page, 'look-right-to-left');
    const side = await page.evaluate(() => {
      const [item, card] = ['.civic-site', 'main'].map((name) => document.querySelector(name));
      const range = document.createRange();
      range.selectNodeContents(item);
      return card.getBoundingClientRect().right - range.getBoundingClientRect().right;
    });
    assert.ok(side > 0 && side < 40, `words begin at the right: ${side}`);
  });

scene('the colours of the system, and more contrast', { forcedColors: 'active', contrast: 'more' }, async (person) => {
  const page = await person.visit('/members/');
  await person.at(page, 'ready');
  assert.deepEqual(await findings(page), []);
  await person.show(page, 'look-forced-colors');
  const border = await page.locator('#signupButton').evaluate((button) => getComputedStyle(button).borderTopStyle);
  assert.equal(border, 'solid', 'the button has an edge');
});

scene('nothing turns for those who want it still', { reducedMotion: 'reduce' }, async (person) => {
  const page = await person.visit('/members/');
  await person.start(page);
  await person.at(page, 'waiting');
  const moving = await page.evaluate(() => document.getAnimations().filter(
    (animation) => !animation.effect.target?.closest('#civic-modal')).length);
  assert.equal(moving, 0);
});

scene('text four times as large, with more room between', { viewport: { width: 1280, height: 800 } }, async (person) => {
  const page = await person.visit('/members/');
  await person.at(page, 'ready');
  await page.evaluate(() => {
    document.documentElement.style.fontSize = '400%';
    document.querySelector('main').style.cssText = 'letter-spacing: .12em; word-spacing: .16em; line-height: 2';
  });
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 1280, 'nothing sticks out');
  assert.equal(await page.locator('#signupButton').evaluate((button) => button.scrollWidth > button.clientWidth), false);
});

// In each language, with the longest list of what is asked for and all that is said of a form.
for (const file of readdirSync(join(source, 'src/languages'))) {
  const locale = file.replace('.json', '');
  scene(`page, style and script are less than ${LIMIT} bytes: ${locale}`, { locale }, async (person) => {
    const sizes = [];
    const page = await person.visit('/');
    person.context.on('response', (answer) => {
      if (new URL(answer.url()).host === new URL(person.server.url('site')).host && !/favicon|form\.js/.test(answer.url())) {
        sizes.push(answer.body().then((body) => [new URL(answer.url()).pathname, body.length]));
      }
    });
    await send(page, { fields: [], action: '/proof/' });
    await person.at(page, 'ready');
    assert.equal(await page.getAttribute('html', 'lang'), locale);
    const all = await Promise.all(sizes);
    const sum = all.reduce((total, [, size]) => total + size, 0);
    assert.ok(all.length >= 3 && sum < LIMIT, `${sum} ${JSON.stringify(all)}`);
  });
}

scene('the page does not wait for Civic', {}, async (person) => {
  await person.context.route('**/{js,css}/civic*', () => {});
  const page = await person.visit('/members/');
  await page.getByRole('heading', { name: 'Log in' }).waitFor();
  const painted = await page.evaluate(() => new Promise((resolve) => {
    requestAnimationFrame(() => resolve(performance.getEntriesByName('first-contentful-paint').length));
  }));
  assert.equal(painted, 1, 'it is there before Civic\'s files are');
});
