// Whoever says no is told so, and can say yes a moment later on the same page.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

// The second try must not need a new page: a reload would forget the mark.
async function secondTry(person, page) {
  assert.equal(await page.locator('#civic-frame').count(), 0, 'the modal is gone');
  assert.ok(await page.isEnabled('#signupButton'), 'the button works again');
  assert.ok(await page.isHidden('#civic-retry'), 'nothing else is offered');
  assert.equal(await page.evaluate(() => window.stillThisPage), true, 'without a reload');
  await person.logIn(page, 'SECRET-CONTENT members');
}

scene('denied on the telephone', {}, async (person) => {
  const page = await person.visit('/members/');
  await page.evaluate(() => { window.stillThisPage = true; });
  await person.start(page);
  await person.deny(await person.scan(page));
  await person.told(page, /^The request was declined\. Nothing was shared\.$/);
  await person.show(page, 'denied');
  await secondTry(person, page);
});

scene('cancelled in the modal', {}, async (person) => {
  const page = await person.visit('/members/');
  await page.evaluate(() => { window.stillThisPage = true; });
  await person.start(page);
  const address = await person.scan(page);
  await page.frameLocator('#civic-frame').getByRole('button', { name: 'Cancel' }).click();
  await person.told(page, /^You have cancelled\. Nothing was shared\.$/);
  await person.show(page, 'cancelled');
  await secondTry(person, page);
  assert.match(address, /\/phone\/[0-9a-f-]{36}$/);
});

scene('with an introduction first', {}, async (person) => {
  const page = await person.visit('/proof/', 'policy');
  await person.start(page);
  const frame = page.frameLocator('#civic-frame');
  await frame.getByRole('heading', { name: 'What will happen' }).waitFor();
  await person.show(page, 'introduction');
  await frame.getByRole('button', { name: 'Cancel' }).click();
  await person.told(page, /^You have cancelled\./);
  await person.start(page);
  await frame.getByRole('button', { name: 'Continue' }).click();
  await person.approve(await person.scan(page));
  await person.sees(page, 'SECRET-CONTENT proof');
});
