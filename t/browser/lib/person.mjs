// What a person does: reads, clicks, scans the code with a telephone, approves there.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import jsQR from 'jsqr';
import { PNG } from 'pngjs';

export class Person {
  constructor({ context, phone, server, screenshots }) {
    Object.assign(this, { context, phone, server, screenshots });
  }

  // Opens an address of a site in a new tab.
  async visit(path, site = 'site') {
    const page = await this.context.newPage();
    await page.goto(this.server.url(site, path), { waitUntil: 'domcontentloaded' });
    return page;
  }

  // Goes to the tab and clicks the login button as soon as it can be.
  async start(page) {
    await page.bringToFront();
    await page.click('#signupButton');
  }

  // Reads the QR code off the screen: what a telephone's camera would see.
  async scan(page) {
    await page.bringToFront();
    const image = page.frameLocator('#civic-frame').locator('#qr img');
    await image.waitFor();
    await image.evaluate((element) => element.decode());
    const { data, width, height } = PNG.sync.read(await image.screenshot());
    const code = jsQR(new Uint8ClampedArray(data), width, height);
    assert.ok(code, 'the QR code can be read');
    return code.data;
  }

  async openPhone(address) {
    const page = await this.phone.newPage();
    await page.goto(address);
    return page;
  }

  async decide(address, button, who) {
    const page = await this.openPhone(address);
    if (who) {
      await page.check(`#person-${who}`);
    }
    await page.click(button);
    await page.getByRole('heading', { name: /Approved|Denied/ }).waitFor();
    await page.close();
  }

  async approve(address, who = 'jane') {
    await this.decide(address, '#approve', who);
  }

  async deny(address) {
    await this.decide(address, '#deny');
  }

  // All of it, until the page behind the login is there.
  async logIn(page, content, who) {
    await this.start(page);
    await this.approve(await this.scan(page), who);
    await this.sees(page, content);
  }

  // On a telephone: starts in a tab, approves in "the app"; gives the tab that the app opens.
  async throughTheApp(page) {
    await this.start(page);
    await page.waitForURL(/\/phone\//);
    const opened = this.context.waitForEvent('page');
    await page.tap('#approve');
    return opened;
  }

  // Waits until a page shows a text.
  async sees(page, text) {
    await page.getByText(text).first().waitFor();
  }

  // Waits until the line below the button says something, and gives it.
  async told(page, pattern) {
    const status = page.locator('#civic-status').filter({ hasText: pattern });
    await status.waitFor();
    return status.textContent();
  }

  // Waits until the page is at a step, by its name in login.js.
  async at(page, step) {
    await page.locator(`#civic-login[data-step="${step}"]`).waitFor();
  }

  async show(page, name) {
    await page.screenshot({ path: join(this.screenshots, `${name}.png`) });
  }

  // Every tab, for whoever looks for the cause of a failure.
  async showAll(name) {
    const file = name.replace(/[^a-z0-9]+/gi, '-').slice(0, 80);
    const pages = [...this.context.pages(), ...this.phone.pages()];
    for (const [number, page] of pages.entries()) {
      await this.show(page, `${file}-${number + 1}`).catch(() => {});
    }
  }
}
