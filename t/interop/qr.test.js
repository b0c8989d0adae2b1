// The QR code in the sandbox's frame, read as a camera would: it leads to the telephone's page of this
// very request.
'use strict';

const assert = require('node:assert');
const { after, before, test } = require('node:test');
const jsQR = require('jsqr');

const { Server, request } = require('./server.js');

const SCALE = 4;
const server = new Server();

before(() => server.start());
after(() => server.stop());

/** The picture of the SVG's path, each "Mx yh1v1h-1z" a dark square, with its white margin. */
function pixels(svg) {
  const [left, top, width, height] = /viewBox="([^"]+)"/.exec(svg)[1].split(' ').map(Number);
  const picture = new Uint8ClampedArray(width * height * SCALE * SCALE * 4).fill(255);
  for (const [, x, y] of svg.matchAll(/M(\d+) (\d+)h1v1h-1z/g)) {
    for (let i = 0; i < SCALE * SCALE; i += 1) {
      const column = (Number(x) - left) * SCALE + (i % SCALE);
      const row = (Number(y) - top) * SCALE + Math.floor(i / SCALE);
      picture.fill(0, (row * width * SCALE + column) * 4, (row * width * SCALE + column) * 4 + 3);
    }
  }
  return [picture, width * SCALE, height * SCALE];
}

test('the QR code leads to the telephone', async () => {
  const read = [];
  for (let i = 0; i < 5; i += 1) {
    const frame = await request('GET', `${server.sandbox}/hosted/frame?appId=CO-ALPHA&scope=BASIC_SIGNUP`,
      { Referer: `${server.site}/` });
    const id = /data-id="([^"]+)"/.exec(frame.text)[1];
    const svg = await request('GET', `${server.sandbox}/hosted/qr/${id}`);
    assert.strictEqual(svg.headers['content-type'], 'image/svg+xml');
    const { data } = jsQR(...pixels(svg.text));
    assert.strictEqual(data, `${server.sandbox}/phone/${id}`);
    const phone = await request('GET', data);
    assert.strictEqual(phone.status, 200);
    assert.match(phone.text, /CO-ALPHA/);
    read.push(data);
  }
  assert.strictEqual(new Set(read).size, 5);
});
