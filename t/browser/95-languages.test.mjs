// The pages in languages that are longer, denser or written from right to left: nothing sticks out or is cut off on a
// small telephone, and what the script says is in the language of the page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stage } from './lib/stage.mjs';

const { scene } = stage();
const SMALL = { viewport: { width: 320, height: 640 } };
const LANGUAGES = [
  ['de', 'de-AT'], ['en', 'en-GB'], ['es', 'es-MX'], ['fr', 'fr-CA'], ['ja', 'ja-JP'], ['pt', 'pt-BR'], ['he', 'he-IL'],
];
const [, source] = /^abs_top_srcdir = (.*)$/m
  .exec(readFileSync(join(process.env.CIVIC_BUILD, 'Makefile'), 'utf8'));

function read(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}

function wordsOf(tag) {
  const english = read(join(source, 'src/languages/en.json'));
  return tag === 'he' ? { ...english, ...read(join(process.env.CIVIC_T, 'conf/hebrew.json')) }
    : read(join(source, `src/languages/${tag}.json`));
}

// Elements that reach beyond the screen, or whose text does not fit into them.
function misfits(page) {
  return page.evaluate(() => [...document.querySelectorAll('main, main *')]
    .filter((element) => {
      const box = element.getBoundingClientRect();
      return box.width > 0 && (box.left < 0 || box.right > innerWidth
        || (getComputedStyle(element).display !== 'inline' && element.scrollWidth > element.clientWidth + 1));
    })
    .map((element) => `${element.tagName} ${element.id}: ${element.textContent.slice(0, 60)}`)
    .concat(document.documentElement.scrollWidth > innerWidth ? ['the page scrolls sideways'] : []));
}

async function fits(page, tag, words, what) {
  assert.deepEqual(await misfits(page), [], `${tag}, ${what}: nothing sticks out`);
  assert.deepEqual(await page.evaluate(() => [document.documentElement.lang, document.dir]), [tag, words._dir],
    `${tag}, ${what}: says which language it is in`);
}

for (const [tag, locale] of LANGUAGES) {
  const words = wordsOf(tag);

  scene(`the login page on a small telephone: ${tag}`, { ...SMALL, locale }, async (person) => {
    const page = await person.visit('/members/');
    await page.getByRole('button', { name: words['page.button.login'], disabled: false }).waitFor();
    await person.sees(page, words['reason.login-required']);
    await fits(page, tag, words, 'ready');
    await person.show(page, `language-${tag}`);
    await person.start(page);
    await page.locator('#civic-status').filter({ hasText: words['login.waiting'] }).waitFor();
    await fits(page, tag, words, 'waiting');
  });

  scene(`a refusal and the logout on a small telephone: ${tag}`,
    { ...SMALL, locale, expect: [/405/] }, async (person) => {
      const refused = await person.visit('/civic/callback');
      await person.sees(refused, words['reason.method']);
      await fits(refused, tag, words, 'refused');
      const logout = await person.visit('/civic/logout?return=/');
      await person.sees(logout, words['page.logout']);
      await fits(logout, tag, words, 'logout');
      await person.show(logout, `language-${tag}-logout`);
    });
}
