// The httpd under test: started by serve.pl, with what the tests ask of it from outside.
import { X509Certificate, createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('../serve.pl', import.meta.url));

export class Server {
  static async start() {
    const child = spawn('perl', [script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout });
    const [line] = await Promise.race([
      once(lines, 'line'),
      once(child, 'exit').then(([code]) => {
        throw new Error(`serve.pl ended with ${code}`);
      }),
    ]);
    return Object.assign(new Server(), { child, ...JSON.parse(line) });
  }

  async stop() {
    const ended = once(this.child, 'exit');
    this.child.stdin.end();
    await ended;
  }

  // Base URL of a site, by the name of its port.
  url(site, path = '') {
    const scheme = ['plain', 'unlisted'].includes(site) ? 'http' : 'https';
    return `${scheme}://localhost:${this.ports[site]}${path}`;
  }

  // Base64 of the SHA-256 of the certificate's public key: how Chromium is told to trust it.
  get keyDigest() {
    const { publicKey } = new X509Certificate(readFileSync(this.certificate));
    return createHash('sha256')
      .update(publicKey.export({ type: 'spki', format: 'der' }))
      .digest('base64');
  }

  // Lines of the module about a reference that a page has shown.
  logged(reference) {
    return readFileSync(this.log, 'utf8').split('\n')
      .filter((line) => line.includes('auth_civic: ') && line.includes(`ref=${reference}`));
  }

  // Let a fault play at the next exchanges; the sandboxes share them.
  async fault(fault, count = 1) {
    const answer = await fetch(`http://localhost:${this.ports.sandbox_plain}/sandbox/fault`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ fault, count }),
    });
    if (!answer.ok) {
      throw new Error(`the sandbox does not take the fault ${fault}: ${await answer.text()}`);
    }
  }

  // A code that somebody has approved at the sandbox without TLS, without anybody's clicking.
  async token(appId) {
    const answer = await fetch(`http://localhost:${this.ports.sandbox_plain}/sandbox/token`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ appId }),
    });
    return (await answer.json()).token;
  }
}
