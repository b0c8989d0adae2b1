// Sees everything that a browser complains about: console errors, errors of scripts, violations of
// a Content-Security-Policy, crashes. A test passes only when all of it was expected, and all that
// was expected came.
const HARMLESS = [
  /favicon\.ico/, // these sites have none, and browsers ask
];

export class Watch {
  #troubles = []; // { text, url }
  #refusals = new Set(); // addresses of documents that came with 401: the login page

  static async over(context) {
    const watch = new Watch();
    await context.exposeBinding('civicViolation', (source, text) => watch.note('policy', text));
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        window.civicViolation(
          `${event.effectiveDirective} blocked ${event.blockedURI} at ${document.URL}`);
      });
    });
    context.on('console', (message) => {
      if (message.type() === 'error') {
        watch.note('console', message.text(), message.location().url);
      }
    });
    context.on('weberror', (error) => watch.note('script', error.error().stack));
    context.on('response', (response) => {
      if (response.status() === 401 && response.request().isNavigationRequest()) {
        watch.#refusals.add(response.url());
      }
    });
    context.on('page', (page) => page.on('crash', () => watch.note('crash', page.url())));
    return watch;
  }

  note(kind, text, url = '') {
    this.#troubles.push({ text: `${kind}: ${text}${url && ` at ${url}`}`, url });
  }

  // Chromium writes an error for each document that comes with 401.
  #isLoginPage({ text, url }) {
    return /the server responded with a status of 401/.test(text)
      && this.#refusals.has(url.replace(/#.*/, ''));
  }

  // What was not expected, and what was expected and did not come.
  verdict(expected = []) {
    const texts = this.#troubles.filter((trouble) => !this.#isLoginPage(trouble))
      .map((trouble) => trouble.text)
      .filter((text) => !HARMLESS.some((pattern) => pattern.test(text)));
    return [
      ...texts.filter((text) => !expected.some((pattern) => pattern.test(text))),
      ...expected.filter((pattern) => !texts.some((text) => pattern.test(text)))
        .map((pattern) => `expected, but did not come: ${pattern}`),
    ];
  }
}
