/* login.js - runs Civic's browser library on the login page and hands its answer to the server. */
(function () {
  'use strict';

  var page = document.getElementById('civic-login');
  var words = {}; /* all that it says, by key: lines of data-words */
  var button = document.getElementById('signupButton');
  var retry = document.getElementById('civic-retry');
  var status = document.getElementById('civic-status');
  var LIBRARY_WAIT = 8000; /* ms until the person hears that the library does not come */
  var SLOW = 5000; /* ms until a login is called slow */
  var FRESH = 20 * 60000; /* ms for which the state is good enough to start with */
  var STARTED = 30 * 60000; /* ms in which the Civic app may come back by a new tab */
  var SCOPES = ['ANONYMOUS_LOGIN', 'BASIC_SIGNUP', 'PROOF_OF_IDENTITY']; /* each covers those before */
  var UNUSED = ['too-many-attempts', 'exchange-busy', 'upstream-down', 'state-expired']; /* refused before the code was used */
  var channel = 'BroadcastChannel' in window ? new BroadcastChannel('civic-login') : null;
  var sip = null;
  var tries = 0; /* to load the library */
  var handed = 0; /* how often one code was handed in */
  var made = Date.now(); /* when the state came */
  var acted = false; /* the person has done something here */
  var delivering = false; /* the server has a code and may set a session's cookie any moment */
  var leaving = false;
  var reported = {}; /* steps that the server knows of */
  var again = null; /* what "Try again" does */
  var timer = null;

  if (!page || !button) {
    return;
  }
  page.dataset.words.split('\n').forEach(function (line) {
    var at = line.indexOf('=');
    words[line.slice(0, at)] = line.slice(at + 1);
  });

  /* ---- what the person sees ---- */

  function fill(key, value) {
    return words[key].replace(/\{[a-z]+\}/, function () { return value; });
  }

  /* step: what the page is at, in one word; kind: hint, busy, info or error */
  function say(step, kind, text, reference) {
    page.dataset.step = step;
    status.dataset.kind = kind;
    status.textContent = text;
    if (reference) {
      status.appendChild(document.createElement('span')).className = 'civic-reference';
      status.lastChild.textContent = ' ' + words.reference + '\u00a0' + reference;
    }
  }

  function offer(action) {
    clearInterval(timer);
    again = action;
    retry.hidden = !action;
    retry.textContent = words.again;
    retry.removeAttribute('aria-disabled');
  }

  /* Where the modal or a button went away with the focus. */
  function focusOn(element) {
    var held = document.activeElement;
    if (acted && (!held || held === document.body || held === status || held.disabled || held.hidden || held.tagName === 'IFRAME')) {
      element.focus();
    }
  }

  /* What only the browser sees, for the operator's log: once of a kind. @return the reference of that line */
  function report(step) {
    if (!reported[step]) {
      reported[step] = true;
      post(page.dataset.report, { problem: step, state: page.dataset.state, reference: page.dataset.reference })
        .catch(function () { reported[step] = false; });
    }
    return page.dataset.reference;
  }

  function fail(step, text, action, reference) {
    button.disabled = !sip;
    say(step, 'error', text, reference || report(step));
    offer(action);
    focusOn(action ? retry : status);
  }

  /* A time to wait in the page's language: '9 seconds', '12 minutes'. */
  function duration(seconds) {
    var isLong = seconds > 120;
    try {
      return new Intl.NumberFormat(page.lang, { style: 'unit', unitDisplay: 'long',
        unit: isLong ? 'minute' : 'second' }).format(isLong ? Math.ceil(seconds / 60) : seconds);
    } catch (e) { /* a browser before 2021 */
      return seconds + ' s';
    }
  }

  /* A refusal that time mends: the action is offered, or done, when Retry-After is over. */
  function failFor(answer, action, byItself) {
    var problem = answer.body;
    var end = Date.now() + Math.min(answer.after || 1, 3600) * 1000;
    function explain(kind, key) {
      say(problem.reason, kind, problem.detail + ' ' + words[key], problem.reference);
    }
    function tick() {
      var left = Math.ceil((end - Date.now()) / 1000);
      if (left > 0) {
        retry.textContent = fill('again-in', duration(left));
      } else {
        button.disabled = !sip;
        offer(action);
        if (byItself) {
          action();
        } else {
          explain('info', 'again-now');
        }
      }
    }
    button.disabled = true;
    explain('error', byItself ? 'by-itself' : 'in-a-moment');
    offer(function () { /* not yet */ });
    retry.setAttribute('aria-disabled', 'true');
    timer = setInterval(tick, 1000);
    tick();
    focusOn(retry);
  }

  /* ---- where the page is, and where it goes ---- */

  /* Only the fragment differing is no navigation: then the page is loaded anew. A page that came
     by POST is not, since that would send the form again. */
  function go(path) {
    leaving = true;
    if (window.civicForm && window.civicForm.send(path)) { /* form.js: what was sent goes on */
      return;
    }
    if (!location.hash) {
      location.replace(path);
    } else if (path !== location.pathname + location.search) {
      location.replace(path + location.hash);
    } else if (page.dataset.method === 'GET') {
      location.reload();
    } else {
      location.replace(path);
    }
  }

  /* The address of this page, without what Civic's app added for the library. */
  function ownPath() {
    var kept = location.search.slice(1).split('&').filter(function (part) {
      return part && part !== 'uuid' && part.slice(0, 5) !== 'uuid=';
    });
    return location.pathname + (kept.length ? '?' + kept.join('&') : '');
  }

  function isReturn() {
    return /[?&]uuid=/.test(location.search);
  }

  /* What came back has been dealt with: a reload starts anew. */
  function endReturn() {
    if (isReturn()) {
      history.replaceState(history.state, '', ownPath() + location.hash);
    }
  }

  /* A link with somebody else's uuid must not log anybody in: only the browser that has started
     a login goes on with it. */
  function wasStartedHere(now) {
    var key = 'civic-login ' + page.dataset.appId;
    try {
      if (now) {
        localStorage.setItem(key, now);
      }
      return Date.now() - Number(localStorage.getItem(key)) < STARTED;
    } catch (error) {
      return true;
    }
  }

  function keepsCookies() {
    var kept;
    document.cookie = 'civic-probe=1; SameSite=Lax';
    kept = document.cookie.indexOf('civic-probe=1') >= 0;
    document.cookie = 'civic-probe=; Max-Age=0';
    return kept;
  }

  /* ---- talking to the server ---- */

  /* @return a promise of { ok, body, after }; what stands between may answer in words of its own */
  function post(address, body) {
    return fetch(address, {
      method: 'POST',
      credentials: 'same-origin',
      cache: 'no-store',
      headers: {
        'Content-Type': 'application/json',
        'Accept': 'application/json',
        'Accept-Language': page.lang
      },
      body: JSON.stringify(body)
    }).then(function (answer) {
      return answer.json().catch(function () { return null; }).then(function (json) {
        return { ok: answer.ok && !!json, body: json || {}, after: Number(answer.headers.get('Retry-After')) };
      });
    });
  }

  /* A new state for a page that was open for long; without one, the page is loaded anew. */
  function renew(next) {
    offer(null);
    say('expired', 'busy', words.renewing);
    post(page.dataset.renew, { state: page.dataset.state }).then(function (answer) {
      if (!answer.ok) {
        go(ownPath());
        return;
      }
      page.dataset.state = answer.body.state;
      made = Date.now();
      next();
    }, function () {
      fail('offline', words.unreachable, function () { renew(next); });
    });
  }

  function refused(answer, token) {
    var problem = answer.body;
    var step = problem.reason || 'failed';
    var text = problem.detail || words.failed;
    var unused = UNUSED.indexOf(step) >= 0 && handed < 6;
    function same() {
      deliver(token);
    }
    if (step === 'state-expired' && unused) {
      renew(same);
    } else if (problem.retry === 'later') {
      failFor(answer, unused ? same : start, unused);
    } else if (problem.retry === 'never') {
      fail(step, text + ' ' + words.operator, null, problem.reference);
    } else {
      fail(step, text + ' ' + words['start-anew'],
        /^state-/.test(step) ? function () { go(ownPath()); } : start, problem.reference);
    }
  }

  function deliver(token) {
    if (delivering || leaving) {
      return;
    }
    delivering = true;
    handed += 1;
    offer(null);
    button.disabled = true;
    say('delivering', 'busy', words.delivering);
    focusOn(status);
    var slow = setTimeout(function () { say('delivering', 'busy', words.slow); }, SLOW);
    post(page.dataset.callback, { token: token, state: page.dataset.state }).then(function (answer) {
      clearTimeout(slow);
      delivering = false;
      endReturn();
      if (!answer.ok) {
        refused(answer, token);
        return;
      }
      say('done', 'busy', words.done);
      go(answer.body.location); /* first, so that no other tab sends the form of this one */
      if (channel) {
        channel.postMessage(page.dataset.appId);
      }
    }, function () {
      clearTimeout(slow);
      delivering = false;
      /* The code has probably not arrived, so it still counts. */
      fail('offline', words.unreachable, function () { deliver(token); });
    });
  }

  /* ---- Civic's library ---- */

  function listen() {
    var wasRead = false;
    sip.on('auth-code-received', function (event) {
      wasRead = false;
      handed = 0;
      deliver(event.response);
    });
    sip.on('read', function () {
      wasRead = true;
      say('read', 'busy', words.read);
    });
    sip.on('user-cancelled', function () {
      if (delivering || leaving) {
        return;
      }
      endReturn();
      button.disabled = false;
      say(wasRead ? 'denied' : 'cancelled', 'info', wasRead ? words.denied : words.cancelled);
      wasRead = false;
      offer(null);
      focusOn(button);
    });
    sip.on('civic-sip-error', function (error) {
      var what = error && (error.message || error.type);
      endReturn();
      wasRead = false;
      fail('civic-error', what ? fill('problem', String(what).slice(0, 200)) : words['problem-unnamed'], start);
    });
  }

  function signUp() {
    var scope = page.dataset.scope;
    var lost = window.civicForm && window.civicForm.hold();
    if (lost) { /* the next click starts all the same */
      say('form-lost', 'error', lost);
      return;
    }
    wasStartedHere(Date.now());
    say('waiting', 'busy', words.waiting);
    try {
      sip.signup({
        style: 'popup',
        scopeRequest: (sip.ScopeRequests && sip.ScopeRequests[scope]) || scope
      });
    } catch (error) {
      fail('not-started', words['not-started'], start);
    }
  }

  function start() {
    acted = true;
    offer(null);
    if (Date.now() - made > FRESH) {
      renew(signUp);
    } else {
      signUp();
    }
  }

  function ready(foreign) {
    try {
      sip = new window.civic.sip({
        appId: page.dataset.appId,
        hideIntro: page.dataset.hideIntro === 'true'
      });
      listen();
    } catch (error) {
      sip = null;
      fail('not-started', words['not-started'], load);
      return;
    }
    button.disabled = false;
    offer(null);
    if (foreign) {
      say('other-browser', 'info', words['other-browser']);
    } else if (isReturn()) { /* a new tab, opened by the Civic app: the library goes on by itself */
      say('returned', 'busy', words.finishing);
    } else {
      say('ready', 'hint', words.ready);
    }
    focusOn(button);
  }

  /* Browsers let a second request wait for a first one of the same address, which may hang. */
  function libraryAddress() {
    var address = page.dataset.library;
    tries += 1;
    return tries === 1 ? address : address + (/\?/.test(address) ? '&' : '?') + 'try=' + tries;
  }

  /* Its style sheet comes with it and goes before ours: the page itself waits for neither. */
  function loadStyle() {
    var link = document.createElement('link');
    if (tries === 1 && page.dataset.style) {
      link.rel = 'stylesheet';
      link.href = page.dataset.style;
      document.head.insertBefore(link, document.head.querySelector('link'));
    }
  }

  function load() {
    var script = document.createElement('script');
    var foreign = isReturn() && !wasStartedHere();
    var wait;

    /* One that was tried before, or comes late, is as good as this one. */
    function lost(key) {
      clearTimeout(wait);
      if (sip) {
        return;
      }
      if (navigator.onLine === false) {
        fail('offline', words.offline, load);
      } else {
        fail('blocked', fill(key, script.src.split('/')[2]), load);
      }
    }

    offer(null);
    say('loading', 'busy', words.loading);
    if (foreign) {
      endReturn();
    }
    wait = setTimeout(lost, LIBRARY_WAIT, 'blocked');
    script.src = libraryAddress();
    if (page.dataset.integrity) {
      script.integrity = page.dataset.integrity;
      script.crossOrigin = 'anonymous';
    }
    script.onload = function () {
      clearTimeout(wait);
      if (sip) {
        return;
      }
      if (window.civic && window.civic.sip) {
        ready(foreign);
      } else {
        lost('unexpected');
      }
    };
    script.onerror = function () { lost('blocked'); };
    loadStyle();
    document.head.appendChild(script);
  }

  /* ---- other tabs ---- */

  /* Another tab has stored a form, before the Civic app was opened: form.js knows whether it is one
     of this page, or an old one that has to go. */
  function findForm(next) {
    var script = document.createElement('script');
    var stored = false;
    try {
      stored = Object.keys(localStorage).some(function (key) { return key.indexOf('civic-form ') === 0; });
    } catch (error) { /* no storage */ }
    if (!stored || window.civicForm) {
      next();
      return;
    }
    script.src = document.currentScript.src.replace('/login.js', '/form.js');
    script.onload = script.onerror = next;
    document.head.appendChild(script);
  }

  function fits(session) {
    var held = SCOPES.indexOf(session.scope);
    var wanted = SCOPES.indexOf(page.dataset.scope);
    return session.application === page.dataset.appId &&
      session.created >= Number(page.dataset.issued) &&
      (session.scope === page.dataset.scope || (wanted >= 0 && held >= wanted));
  }

  /* Another tab may have logged in since this page was made: then there is nothing left to ask.
     Sessions from before are those that did not open it. */
  function look() {
    if (document.visibilityState !== 'visible') {
      return;
    }
    fetch(page.dataset.session, { credentials: 'same-origin', cache: 'no-store' })
      .then(function (answer) { return answer.json(); })
      .then(function (body) {
        if (body.sessions.some(fits) && !delivering && !leaving) {
          say('elsewhere', 'busy', words.elsewhere);
          go(ownPath());
        }
      })
      .catch(function () { /* offline: nothing to go on with */ });
  }

  button.addEventListener('click', start);
  retry.addEventListener('click', function () {
    acted = true;
    if (again) {
      again();
    }
  });
  window.addEventListener('online', function () {
    if (page.dataset.step === 'offline' && again) {
      again();
    }
  });
  document.addEventListener('visibilitychange', look);
  window.addEventListener('pageshow', function (event) {
    if (event.persisted) { /* Back, to a page that the browser had kept */
      leaving = delivering = false;
      look();
    }
  });
  if (channel) {
    channel.onmessage = function (message) {
      if (message.data === page.dataset.appId) {
        look();
      }
    };
  }
  if (page.dataset.issued === '0') { /* the session may be there, only its cookie did not come */
    look();
  }
  findForm(function () {
    if (keepsCookies()) {
      load();
    } else {
      fail('cookies', words.cookies, function () { location.reload(); });
    }
  });
}());
