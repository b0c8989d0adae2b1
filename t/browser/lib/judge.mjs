// What a page has to stand: axe-core in light and dark, room for everything on the screen, nothing
// that jumps, targets large enough for a finger.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const TARGET = 44; // CSS pixels, of the page's own buttons

// Before the page loads: adds up how much it jumps (layout-shift entries, those after a click too).
export async function watchShifts(context) {
  await context.addInitScript(() => {
    window.civicShift = 0;
    new PerformanceObserver((list) => {
      list.getEntries().forEach((entry) => {
        window.civicShift += entry.value;
        window.civicShifted = entry.sources.map((source) => [source.node?.id || source.node?.nodeName,
          source.previousRect.toJSON(), source.currentRect.toJSON()]);
      });
    }).observe({ type: 'layout-shift', buffered: true });
  });
}

// Civic's modal is not ours: what lies in it is left out.
export async function findings(page) {
  await page.evaluate(axe);
  const results = await page.evaluate((rules) => window.axe.run(
    { exclude: [['#civic-modal']] },
    { runOnly: rules, iframes: false, preload: false, resultTypes: ['violations'] },
  ), RULES);
  return results.violations.flatMap((violation) => violation.nodes.map(
    (node) => `${violation.id}: ${node.html.slice(0, 160)}: ${node.failureSummary}`));
}

export async function judge(page, { shifts = true } = {}) {
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    assert.deepEqual(await findings(page), [], `axe-core, ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: 'light' });
  const seen = await page.evaluate(() => ({
    width: document.documentElement.scrollWidth,
    small: [...document.querySelectorAll('main button, main a')]
      .filter((element) => element.checkVisibility())
      .map((element) => [element.textContent, element.getBoundingClientRect().height]),
    shift: window.civicShift,
    shifted: JSON.stringify(window.civicShifted),
  }));
  assert.ok(seen.width <= page.viewportSize().width, 'nothing sticks out');
  if (await page.locator('.civic-wide').count() === 0) {
    assert.deepEqual(seen.small.filter(([, height]) => height < TARGET - 4), [], 'targets');
  }
  if (shifts) {
    assert.ok(seen.shift < 0.01, `nothing jumps: ${seen.shift}, ${seen.shifted}`);
  }
}
