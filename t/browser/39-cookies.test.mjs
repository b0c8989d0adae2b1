// Cookies as they are by default (SameSite=Lax) are enough for every way in, also in a browser that
// refuses those of third parties.
import assert from 'node:assert/strict';
import { stage } from './lib/stage.mjs';

const { scene } = stage();

// A page of another site (the scheme differs) with a link or a form to this one.
async function comeFromElsewhere(person, method, path) {
  const page = await person.visit('/', 'plain');
  await page.evaluate(([how, address]) => {
    const form = document.createElement('form');
    form.method = how;
    form.action = address;
    form.innerHTML = '<input name="a" value="1">';
    document.body.append(form);
    form.submit();
  }, [method, person.server.url('site', path)]);
  return page;
}

for (const cookies of [true, 'first-party']) {
  scene(`by an address, a link and a window of its own (cookies: ${cookies})`, { cookies }, async (person) => {
    const page = await comeFromElsewhere(person, 'get', '/members/index.html');
    await person.logIn(page, 'SECRET-CONTENT members');
    for (const { name, sameSite, httpOnly, secure, domain } of await person.context.cookies(person.server.url('site'))) {
      assert.deepEqual({ name, sameSite, httpOnly, secure, domain },
        { name, sameSite: 'Lax', httpOnly: true, secure: true, domain: 'localhost' });
    }
    assert.equal((await person.context.cookies(person.server.url('site'))).length, 2);
    const again = await comeFromElsewhere(person, 'get', '/members/index.html');
    await person.sees(again, 'SECRET-CONTENT members');

    await page.evaluate(() => fetch('/civic/logout', { method: 'POST' }));
    await page.goto(person.server.url('site', '/open/button.html'));
    const [popup] = await Promise.all([page.waitForEvent('popup'), page.click('#here')]);
    await person.start(popup);
    await person.approve(await person.scan(popup));
    await person.sees(page, 'logged in by here;');
  });
}

scene('a form of another site comes without the session: the page is there, the form is not passed on', {},
  async (person) => {
    const page = await person.visit('/members/');
    await person.logIn(page, 'SECRET-CONTENT members');
    const other = await comeFromElsewhere(person, 'post', '/members/cgi?x=1');
    await person.sees(other, 'SECRET-CONTENT');
    const { env, body } = JSON.parse(await other.locator('pre').textContent());
    assert.equal(`${env.REQUEST_METHOD} ${body}`, 'GET ');
  });
