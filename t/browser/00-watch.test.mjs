// The tests notice what browsers complain about: a watch that sees nothing would prove nothing.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';
import { Watch } from './lib/watch.mjs';

const { scene } = stage();

scene('a script that the policy forbids, an error, a failed request are seen', {
  expect: [/policy: script-src-elem blocked inline/, /console: .*Content Security Policy/,
    /console: .*404/, /script: Error: on purpose/],
}, async (person) => {
  const page = await person.visit('/members/');
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "it ran"';
    document.head.append(script);
    setTimeout(() => { throw new Error('on purpose'); }, 0);
    return fetch('/open/nothing-here');
  });
  assert.notEqual(await page.title(), 'it ran');
});

scene('only the 401 of a login page is no complaint', { expect: [/console: .*401.*\/api\//] },
  async (person) => {
    const page = await person.visit('/members/');
    await page.evaluate(() => fetch('/api/index.html'));
  });

scene('a complaint that was expected must come', {}, async () => {
  const watch = new Watch();
  watch.note('console', 'one thing');
  assert.deepEqual(watch.verdict([/one thing/]), []);
  assert.deepEqual(watch.verdict([]), ['console: one thing']);
  assert.deepEqual(watch.verdict([/one/, /another/]),
    ['expected, but did not come: /another/']);
});
