// Forms that a person sends, and what arrives of them.
// A program that says what it got.
export const ADDRESS = '/members/cgi?x=1';

// A form on a public page of the site, filled in and sent by its button. Fields: [name, value] or
// [name, { name, type, bytes }], a file.
export async function send(page, { fields, action = ADDRESS, ...attributes }) {
  await page.evaluate(([list, address, others]) => {
    const form = document.createElement('form');
    form.setAttribute('method', 'post');
    form.setAttribute('action', address);
    for (const [name, value] of Object.entries(others)) {
      form.setAttribute(name, value);
    }
    for (const [name, value] of list) {
      let control = document.createElement('textarea');
      if (typeof value === 'object') {
        control = document.createElement('input');
        control.type = 'file';
        if (value.bytes) {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(value.bytes)], value.name, { type: value.type }));
          control.files = files.files;
        }
      } else {
        control.value = value;
      }
      control.name = name;
      HTMLFormElement.prototype.appendChild.call(form, control);
    }
    document.body.append(form);
    HTMLFormElement.prototype.submit.call(form);
  }, [fields, action, attributes]);
}

// What the program behind got. A boundary is the browser's own each time.
export async function received(page) {
  await page.getByText('SECRET-CONTENT').first().waitFor();
  const { env, body } = JSON.parse(await page.locator('pre').textContent());
  const boundary = /boundary=(\S+)/.exec(env.CONTENT_TYPE ?? '')?.[1];
  const plain = (text) => (boundary ? text.replaceAll(boundary, 'BOUNDARY') : text);
  return {
    method: env.REQUEST_METHOD,
    query: env.QUERY_STRING,
    type: plain(env.CONTENT_TYPE ?? ''),
    body: plain(body),
  };
}
