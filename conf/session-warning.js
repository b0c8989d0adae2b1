/* Warns people before their session ends. To use it, put this file on your site and name it in the
 * pages of people who are logged in:
 *
 *   <script src="/session-warning.js" defer
 *           data-warn="120" data-session="/civic/session" data-use="/members/"></script>
 *
 * data-warn     how many seconds before the end to warn (120)
 * data-session  the session endpoint (/civic/session); asking it is no use of the session
 * data-use      a protected address (this page): the button asks for it, which is a use
 *
 * It works under a strict Content-Security-Policy (script-src 'self'; connect-src 'self'): no inline
 * script, no style. The box has the class civic-session-warning, and data-kind "idle" (the button
 * keeps the session), "life" (nothing does) or "ended"; its looks are your style sheet's.
 * The endpoint tells the limits that hold at its own address: see doc/sessions.md. */
(function () {
  'use strict';

  var own = document.currentScript.dataset;
  var warnSeconds = Number(own.warn) || 120;
  var endpoint = own.session || '/civic/session';
  var useAddress = own.use || location.pathname;
  var longestWait = 5 * 60 * 1000; // another tab may log in or out meanwhile
  var timer = null;
  var box = null;
  var wasLoggedIn = false;
  var closed = false; // the person has read that nothing can be done

  function hide() {
    if (box) {
      box.remove();
      box = null;
    }
  }

  function wait(milliseconds) {
    clearTimeout(timer);
    timer = setTimeout(look, Math.min(Math.max(milliseconds, 1000), longestWait));
  }

  function show(kind, text, label, action) {
    var message, button;

    // What is there already keeps its place, and the button the focus.
    if (box && box.dataset.kind === kind) {
      box.firstChild.textContent = text;
      return;
    }
    hide();
    message = document.createElement('p');
    button = document.createElement('button');
    box = document.createElement('div');
    box.className = 'civic-session-warning';
    box.dataset.kind = kind;
    box.setAttribute('role', 'alert');
    message.textContent = text;
    button.type = 'button';
    button.textContent = label;
    button.addEventListener('click', action);
    box.append(message, button);
    document.body.append(box);
  }

  function inWords(seconds) {
    return seconds < 90 ? Math.max(seconds, 1) + ' seconds' : Math.round(seconds / 60) + ' minutes';
  }

  function use() {
    hide();
    fetch(useAddress, { cache: 'no-store', credentials: 'same-origin' }).then(look, look);
  }

  function close() {
    closed = true;
    hide();
  }

  function logIn() {
    location.reload();
  }

  // Of several sessions (one for each application), the one that ends first.
  function firstEnd(sessions) {
    return sessions
      .map(function (session) {
        return { at: Math.min(session.idleEnds, session.ends), idle: session.idleEnds < session.ends };
      })
      .sort(function (a, b) { return a.at - b.at; })[0];
  }

  function ended() {
    show('ended', 'Your session has ended.', 'Log in again', logIn);
  }

  // `now` is the server's: this machine's clock may be off.
  function judge(sessions, now) {
    var end = firstEnd(sessions);
    var left = end ? Math.round(end.at - now) : 0;

    if (left <= 0) {
      if (wasLoggedIn) {
        ended();
      }
      wait(longestWait);
      return;
    }
    wasLoggedIn = true;
    if (left > warnSeconds) {
      closed = false;
      hide();
      wait((left - warnSeconds) * 1000);
      return;
    }
    if (end.idle) {
      show('idle', 'Your session ends in ' + inWords(left) + '.', 'Stay logged in', use);
    } else if (!closed) {
      show('life', 'Your session ends in ' + inWords(left) + '. Please save your work.', 'Close', close);
    }
    wait(Math.min(left + 1, 30) * 1000);
  }

  function look() {
    fetch(endpoint, { cache: 'no-store', credentials: 'same-origin' })
      .then(function (response) {
        var date = Date.parse(response.headers.get('Date'));

        if (!response.ok) {
          throw new Error('status ' + response.status);
        }
        return response.json().then(function (answer) {
          judge(answer.sessions, (isNaN(date) ? Date.now() : date) / 1000);
        });
      })
      // A server that does not answer is no reason to say that the session has ended.
      .catch(function () { wait(30 * 1000); });
  }

  document.addEventListener('visibilitychange', function () {
    if (document.visibilityState === 'visible') {
      look();
    }
  });
  look();
}());
