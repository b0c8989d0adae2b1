// One httpd and one browser for a test file, and a fresh browser context for each of its tests.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';

import { Person } from './person.mjs';
import { Server } from './server.mjs';
import { Watch } from './watch.mjs';

const SCREENSHOTS = process.env.CIVIC_SCREENSHOTS || 'screenshots';
const DESKTOP = { viewport: { width: 900, height: 640 } };
const MOBILE = {
  viewport: { width: 390, height: 780 },
  isMobile: true,
  hasTouch: true,
  userAgent: 'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) '
    + 'Chrome/140.0.0.0 Mobile Safari/537.36',
};

function launchOptions(server) {
  return {
    executablePath: process.env.CIVIC_CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
      `--ignore-certificate-errors-spki-list=${server.keyDigest}`,
    ],
  };
}

// A browser of its own whose profile refuses all cookies, or those of third parties.
function choosy(server, profile, cookies, options) {
  mkdirSync(join(profile, 'Default'));
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify({
    profile: cookies ? { cookie_controls_mode: 1, block_third_party_cookies: true }
      : { default_content_setting_values: { cookies: 2 } },
  }));
  return chromium.launchPersistentContext(profile, { ...launchOptions(server), ...options });
}

// Gives the server, and `scene`, which declares a test:
//   scene(name, { mobile, cookies, expect, ...options of the context }, async (person) => ...)
// cookies: true, false, or 'first-party'
// expect: patterns of the console errors that this test provokes; each must come.
export function stage() {
  const shared = { server: null, browser: null };
  const profiles = [];

  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    shared.server = await Server.start();
    shared.browser = await chromium.launch(launchOptions(shared.server));
  });
  after(async () => {
    await shared.browser?.close();
    await shared.server?.stop();
    for (const profile of profiles) {
      rmSync(profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    }
  });

  async function open({ mobile, cookies = true, expect, ...options }) {
    const how = { ...(mobile ? MOBILE : DESKTOP), ...options };
    if (cookies === true) {
      return shared.browser.newContext(how);
    }
    profiles.push(mkdtempSync(join(tmpdir(), 'civic-profile-')));
    return choosy(shared.server, profiles.at(-1), cookies, how);
  }

  function scene(name, how, body) {
    test(name, async () => {
      const context = await open(how);
      const phone = await shared.browser.newContext(MOBILE);
      context.setDefaultTimeout(15000);
      phone.setDefaultTimeout(15000);
      const watches = [await Watch.over(context), await Watch.over(phone)];
      const person = new Person({ context, phone, server: shared.server, screenshots: SCREENSHOTS });
      try {
        await body(person);
      } catch (error) {
        await person.showAll(`failed ${name}`);
        error.message += `\n  the browser says: ${watches[0].verdict().join('\n  ') || 'nothing'}`;
        throw error;
      } finally {
        await context.close();
        await phone.close();
      }
      assert.deepEqual(watches[0].verdict(how.expect), [], 'what the browser complains about');
      assert.deepEqual(watches[1].verdict(), [], 'what the telephone complains about');
    });
  }

  return { scene, shared };
}
