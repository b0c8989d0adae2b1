/* login.js - runs Civic's browser library on the login page and hands its answer to the server. */
(function () {
  'use strict';

  var page = document.getElementById('civic-login');
  var button = document.getElementById('signupButton');
  var retry = document.getElementById('civic-retry');
  var status = document.getElementById('civic-status');
  var LIBRARY_WAIT = 8000; /* ms until the person hears that the library does not come */
  var SCOPES = ['ANONYMOUS_LOGIN', 'BASIC_SIGNUP', 'PROOF_OF_IDENTITY']; /* each covers those before */
  var channel = 'BroadcastChannel' in window ? new BroadcastChannel('civic-login') : null;
  var sip = null;
  var tries = 0; /* to load the library */
  var delivering = false; /* the server has a code and may set a session's cookie any moment */
  var leaving = false;
  var again = null; /* what "Try again" does */

  if (!page || !button) {
    return;
  }

  function say(text, kind) {
    status.textContent = text;
    status.setAttribute('data-kind', kind || 'info');
  }

  function offer(action) {
    again = action;
    retry.hidden = !action;
  }

  function fail(text, action) {
    button.disabled = !sip;
    say(text, 'error');
    offer(action);
  }

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

  function refused(problem) {
    var text = (problem && problem.detail) || 'The login did not succeed.';
    if (problem && problem.reference) {
      text += ' (Reference:\u00a0' + problem.reference + ')';
    }
    var kind = problem && problem.retry;
    fail(text, kind === 'never' ? null : function () {
      /* A new state is needed; a navigation, so that a form is not sent twice. */
      go(ownPath());
    });
  }

  function deliver(token) {
    if (delivering || leaving) {
      return;
    }
    delivering = true;
    say('Civic has approved. Logging you in …');
    offer(null);
    button.disabled = true;
    fetch(page.dataset.callback, {
      method: 'POST',
      credentials: 'same-origin',
      cache: 'no-store',
      headers: { 'Content-Type': 'application/json', 'Accept': 'application/json' },
      body: JSON.stringify({ token: token, state: page.dataset.state })
    }).then(function (answer) {
      /* What stands between may answer in words of its own. */
      return answer.json().catch(function () { return null; }).then(function (body) {
        delivering = false;
        if (!answer.ok || !body) {
          refused(body);
          return;
        }
        if (channel) {
          channel.postMessage(page.dataset.appId);
        }
        say('You are logged in.');
        go(body.location);
      });
    }).catch(function () {
      delivering = false;
      /* The code has probably not arrived, so it still counts. */
      fail('This site could not be reached. Are you offline?', function () {
        deliver(token);
      });
    });
  }

  function listen() {
    sip.on('auth-code-received', function (event) {
      deliver(event.response);
    });
    sip.on('read', function () {
      say('Your phone has read the code. Please approve there.');
    });
    sip.on('user-cancelled', function () {
      button.disabled = false;
      say('You have cancelled. Nothing was sent.');
      offer(null);
    });
    sip.on('civic-sip-error', function (error) {
      var what = error && (error.message || error.type);
      fail('Civic reports a problem' + (what ? ': ' + String(what).slice(0, 200) : '') + '.', start);
    });
  }

  function start() {
    var scope = page.dataset.scope;
    offer(null);
    say('Waiting for your approval in the Civic app …');
    try {
      sip.signup({
        style: 'popup',
        scopeRequest: (sip.ScopeRequests && sip.ScopeRequests[scope]) || scope
      });
    } catch (error) {
      fail('Civic’s login could not be started.', start);
    }
  }

  function ready() {
    try {
      sip = new window.civic.sip({
        appId: page.dataset.appId,
        hideIntro: page.dataset.hideIntro === 'true'
      });
      listen();
    } catch (error) {
      sip = null;
      fail('Civic’s login could not be started.', load);
      return;
    }
    button.disabled = false;
    offer(null);
    /* Back from the Civic app in a new tab: the library goes on by itself. */
    say(/[?&]uuid=/.test(location.search) ? 'Finishing your login …' : '');
  }

  /* Browsers let a second request wait for a first one of the same address, which may hang. */
  function libraryAddress() {
    var address = page.dataset.library;
    tries += 1;
    return tries === 1 ? address : address + (/\?/.test(address) ? '&' : '?') + 'try=' + tries;
  }

  function load() {
    var script = document.createElement('script');
    var timer = setTimeout(function () {
      lost('Civic’s login does not load. An ad blocker or your network may keep it away.');
    }, LIBRARY_WAIT);

    /* One that was tried before, or comes late, is as good as this one. */
    function lost(text) {
      clearTimeout(timer);
      if (!sip) {
        fail(text, load);
      }
    }

    offer(null);
    say('Loading …');
    script.src = libraryAddress();
    if (page.dataset.integrity) {
      script.integrity = page.dataset.integrity;
      script.crossOrigin = 'anonymous';
    }
    script.onload = function () {
      clearTimeout(timer);
      if (sip) {
        return;
      }
      if (window.civic && window.civic.sip) {
        ready();
      } else {
        lost('Civic’s login did not load as expected.');
      }
    };
    script.onerror = function () {
      lost('Civic’s login could not be loaded. An ad blocker or your network may keep it away.');
    };
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
          go(ownPath());
        }
      })
      .catch(function () { /* offline: nothing to go on with */ });
  }

  button.addEventListener('click', start);
  retry.addEventListener('click', function () {
    if (again) {
      again();
    }
  });
  document.addEventListener('visibilitychange', look);
  window.addEventListener('pageshow', function (event) {
    if (event.persisted) { /* Back, to a page that the browser had kept */
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
  load();
}());
