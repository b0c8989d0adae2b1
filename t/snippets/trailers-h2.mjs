// A POST over HTTP/2 whose body has trailers: the site's address, path, Cookie, certificate authority, whether it
// says its length, and the trailers' names; prints the status.
import fs from 'node:fs';
import http2 from 'node:http2';

const [site, path, cookie, ca, length, ...names] = process.argv.slice(2);
const session = http2.connect(site, { ca: fs.readFileSync(ca) });
const stream = session.request({
    ':method': 'POST', ':path': path, cookie, ...(length ? { 'content-length': length } : {}),
}, { waitForTrailers: true });
stream.on('wantTrailers', () => stream.sendTrailers(Object.fromEntries(names.map((name) => [name, 'FORGED']))));
stream.on('response', (headers) => console.log(headers[':status']));
stream.on('close', () => session.close());
stream.resume();
stream.end('a=1');
