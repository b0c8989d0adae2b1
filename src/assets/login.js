/* login.js - runs Civic's browser library on the login page and hands its answer to the server. */
(function () {
  'use strict';

  var page = document.getElementById('civic-login');
  var button = document.getElementById('signupButton');
  var retry = document.getElementById('civic-retry');
  var status = document.getElementById('civic-status');
  var LIBRARY_WAIT = 8000; /* ms until a library that does not come is given up */
  var channel = 'BroadcastChannel' in window ? new BroadcastChannel('civic-login') : null;
  var sip = null;
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
      text += ' (Reference: ' + problem.reference + ')';
    }
    var kind = problem && problem.retry;
    fail(text, kind === 'never' ? null : function () {
      /* A new state is needed; a navigation, so that a form is not sent twice. */
      go(ownPath());
    });
  }

  function deliver(token) {
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
      return answer.json().then(function (body) {
        if (!answer.ok) {
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
      fail('This site could not be reached. Are you offline?', function () {
        go(ownPath());
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
    /* Back from the Civic app in a new tab: the library goes on by itself. */
    say(/[?&]uuid=/.test(location.search) ? 'Finishing your login …' : '');
  }

  function load() {
    var script = document.createElement('script');
    var settled = false;

    function settle(text) {
      if (settled) {
        return;
      }
      settled = true;
      if (text) {
        script.remove();
        fail(text, load);
      } else {
        ready();
      }
    }

    offer(null);
    say('Loading …');
    script.src = page.dataset.library;
    if (page.dataset.integrity) {
      script.integrity = page.dataset.integrity;
      script.crossOrigin = 'anonymous';
    }
    script.onload = function () {
      settle(window.civic && window.civic.sip ? '' : 'Civic’s login did not load as expected.');
    };
    script.onerror = function () {
      settle('Civic’s login could not be loaded. An ad blocker or your network may keep it away.');
    };
    setTimeout(function () {
      settle('Civic’s login does not load. An ad blocker or your network may keep it away.');
    }, LIBRARY_WAIT);
    document.head.appendChild(script);
  }

  /* Another tab may have logged in: then this one has nothing left to ask. */
  function look() {
    if (leaving || document.visibilityState !== 'visible' ||
        page.dataset.reason !== 'login-required') {
      return;
    }
    fetch(page.dataset.session, { credentials: 'same-origin', cache: 'no-store' })
      .then(function (answer) { return answer.json(); })
      .then(function (body) {
        var fits = body.sessions.some(function (session) {
          return session.application === page.dataset.appId && session.scope === page.dataset.scope;
        });
        if (fits && !leaving) {
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
  if (channel) {
    channel.onmessage = function (message) {
      if (message.data === page.dataset.appId) {
        look();
      }
    };
  }
  load();
}());
