// A WebSocket over HTTP/2 (RFC 8441): the site's address, path, Cookie, certificate authority; then a line for
// each thing that happens. It echoes "one", says so, and waits until the connection ends.
import fs from 'node:fs';
import http2 from 'node:http2';

const [site, path, cookie, ca] = process.argv.slice(2);
const say = (line) => fs.writeSync(1, `${line}\n`);
const mask = Buffer.from([1, 2, 3, 4]);

function frame(text) {
    const bytes = Buffer.from(text).map((byte, i) => byte ^ mask[i % 4]);
    return Buffer.concat([Buffer.from([0x81, 0x80 | bytes.length]), mask, bytes]);
}

const session = http2.connect(site, { ca: fs.readFileSync(ca) });
session.on('error', () => {});
session.on('close', () => {
    say('connection closed');
    process.exit(0);
});
session.on('remoteSettings', (settings) => {
    if (!settings.enableConnectProtocol) {
        return;
    }
    const { host } = new URL(site);
    const stream = session.request({
        ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': path, ':authority': host,
        'sec-websocket-version': '13', origin: site, cookie,
    }, { endStream: false });
    let text = '';
    stream.on('response', (headers) => {
        say(`status ${headers[':status']}`);
        if (headers[':status'] === 200) {
            stream.write(frame('one'));
        }
    });
    stream.on('data', (data) => {
        text += data.toString('latin1');
        if (text.includes('echo one')) {
            text = '';
            say('echoed');
        }
    });
    stream.on('error', () => {});
    stream.on('close', () => say('stream closed'));
});
setTimeout(() => process.exit(1), 30000);
