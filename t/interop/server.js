// The httpd of serve.pl, for as long as a test file runs; and a small client for its addresses.
'use strict';

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const https = require('node:https');
const path = require('node:path');
const readline = require('node:readline');

const NAVIGATE = {
  Accept: 'text/html', 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document', 'Sec-Fetch-Site': 'none',
};
const FETCH = { 'Sec-Fetch-Mode': 'cors', 'Sec-Fetch-Dest': 'empty', 'Sec-Fetch-Site': 'same-origin' };

/** Resolves to { status, headers, text }. */
function request(method, url, headers, body) {
  return new Promise((resolve, reject) => {
    const sent = https.request(url, { method, headers }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { text += part; });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, text }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function json(method, url, value, headers) {
  const answer = await request(method, url,
    { ...headers, 'Content-Type': 'application/json' }, value && JSON.stringify(value));
  if (answer.status !== 200) {
    throw new Error(`${url}: ${answer.status} ${answer.text}`);
  }
  return JSON.parse(answer.text);
}

class Server {
  /** From now on every https client of this process trusts the sandbox's certificate. */
  async start() {
    this.child = spawn('perl', [path.join(__dirname, 'serve.pl')], { stdio: ['pipe', 'pipe', 'inherit'] });
    const exit = new Promise((resolve) => this.child.once('exit', resolve));
    this.ended = exit;
    const lines = readline.createInterface({ input: this.child.stdout });
    const line = await Promise.race([
      new Promise((resolve) => lines.once('line', resolve)),
      exit.then((status) => { throw new Error(`serve.pl ended: ${status}`); }),
    ]);
    Object.assign(this, JSON.parse(line));
    https.globalAgent.options.ca = fs.readFileSync(path.join(this.keys, 'ca.pem'));
    return this;
  }

  async stop() {
    https.globalAgent.destroy();
    this.child.stdin.end();
    await this.ended;
  }

  /** Hex digits of a key file. */
  key(name) {
    return fs.readFileSync(path.join(this.keys, name), 'utf8').trim();
  }

  /** An authorization code that somebody approved: { appId, scope, person, fault ... }. */
  async code(how) {
    return (await json('POST', `${this.sandbox}/sandbox/token`, { appId: 'CO-ALPHA', ...how })).token;
  }

  log() {
    return json('GET', `${this.sandbox}/sandbox/log`);
  }

  /**
   * Log in at the module as a browser would, with a code of `how` or one that is given.
   * @returns { status, body } of the callback, and what /civic/session then says
   */
  async login(address, how, code) {
    const page = await request('GET', this.site + address, NAVIGATE);
    const state = /data-state="([^"]+)"/.exec(page.text)[1];
    const token = code || await this.code({ scope: /data-scope="([^"]+)"/.exec(page.text)[1], ...how });
    const answer = await request('POST', `${this.site}/civic/callback`,
      { ...FETCH, 'Content-Type': 'application/json', Origin: this.site, Cookie: Server.cookies(page) },
      JSON.stringify({ token, state }));
    const session = await json('GET', `${this.site}/civic/session`, undefined,
      { ...FETCH, Cookie: Server.cookies(answer) });
    return { status: answer.status, body: JSON.parse(answer.text), sessions: session.sessions };
  }

  static cookies(answer) {
    return (answer.headers['set-cookie'] || []).map((line) => line.split(';')[0]).join('; ');
  }
}

module.exports = { Server, request };
