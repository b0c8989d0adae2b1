/* button.js - for pages of the site: a login in a window of its own, so that nothing on the page is lost.
 *
 *   <script src="/civic/button.js" defer></script>
 *   <button type="button" data-civic-login="/members/">Log in</button>
 *
 * data-civic-login    the address whose login it is: its location says which application and what is asked
 *                     for (this page's own address)
 * data-civic-return   where to go afterwards (nowhere: the event civic:login tells that it is done)
 *
 *   civicLogin.fetch(...)   as fetch; where the session has ended, the person is asked to log in, and the
 *                           request is sent again. With <script ... data-fetch>, fetch itself does that.
 *   civicLogin.open(path)   the login of an address; a promise that is kept when somebody is logged in
 *
 * data-words="..." data-login="..." data-cancel="..." on the script are the texts of the dialog, whose class is
 * civic-dialog. Of a Content-Security-Policy it needs script-src 'self' and connect-src 'self'. */
(function () {
  'use strict';

  var own = document.currentScript;
  var options = own.dataset;
  var endpoint = new URL(own.src).pathname.replace(/\/button\.js$/, '');
  var channel = 'BroadcastChannel' in window ? new BroadcastChannel('civic-login') : null;
  var send = window.fetch.bind(window);
  var TIMES = 3; /* how often one request is sent again: each time may ask for another login */
  var waiting = null; /* { promise, done, cancel }: the login under way, for all that wait for it */

  function addressFor(path) {
    return endpoint + '/login?return=' + encodeURIComponent(path);
  }

  function here() {
    return location.pathname + location.search;
  }

  /* Gives false where the browser keeps new windows away, or nothing would be heard of them. */
  function openWindow(address) {
    return Boolean(channel && window.open(address + '&popup=1', 'civic-login', 'popup,width=480,height=720'));
  }

  /* ---- waiting for a login, whichever window it is in ---- */

  function wait() {
    if (!waiting) {
      waiting = {};
      waiting.promise = new Promise(function (resolve, reject) {
        waiting.done = resolve;
        waiting.cancel = reject;
      });
      waiting.promise.catch(function () { /* whoever waits hears of it */ }).then(function () {
        waiting = null;
      });
    }
    return waiting;
  }

  if (channel) {
    channel.onmessage = function () {
      if (waiting) {
        waiting.done();
      }
    };
  }

  /* ---- the dialog: nothing opens by itself that the browser does not want to open ---- */

  function button(text, action) {
    var element = document.createElement('button');
    element.type = 'button';
    element.textContent = text;
    element.addEventListener('click', action);
    return element;
  }

  function ask(address, login) {
    var dialog = document.createElement('dialog');
    var text = document.createElement('p');
    text.textContent = options.words || 'Your session has ended. Log in to go on: nothing on this page is lost.';
    dialog.className = 'civic-dialog';
    dialog.append(
      text,
      button(options.login || 'Log in', function () { openWindow(address); }),
      button(options.cancel || 'Not now', function () { login.cancel(new Error('cancelled')); })
    );
    dialog.addEventListener('cancel', function () { login.cancel(new Error('cancelled')); });
    document.body.append(dialog);
    dialog.showModal();
    login.promise.catch(function () { /* it goes all the same */ }).then(function () { dialog.remove(); });
  }

  function logIn(address) {
    var isFirst = !waiting;
    var login = wait();
    if (!channel) {
      login.cancel(new Error('this browser cannot'));
      return login.promise;
    }
    if (isFirst) {
      openWindow(address);
      ask(address, login);
    }
    return login.promise;
  }

  /* ---- fetch ---- */

  /* The address of the login, when this answer asks for one and is of this site. */
  function loginOf(answer) {
    if (answer.status !== 401 || new URL(answer.url, location.href).origin !== location.origin
      || !/^application\/problem\+json/.test(answer.headers.get('Content-Type') || '')) {
      return Promise.resolve(null);
    }
    return answer.clone().json().then(function (problem) {
      var login = String(problem.login || '');
      return login.indexOf(endpoint + '/login?') === 0 ? login : null;
    }, function () { return null; });
  }

  function attempt(request, times) {
    var next = times > 0 ? request.clone() : null;
    return send(request).then(function (answer) {
      return next ? loginOf(answer).then(function (login) {
        return login ? logIn(login).then(function () {
          return attempt(next, times - 1);
        }, function () { return answer; }) : answer;
      }) : answer;
    });
  }

  function fetchAgain(input, init) {
    return attempt(new Request(input, init), TIMES);
  }

  /* ---- buttons ---- */

  /* Attributes may be a stranger's, where a page shows what people write: javascript: is no way to go on. */
  function ownAddress(text) {
    try {
      var address = new URL(text, document.baseURI);
      return address.origin === location.origin ? address.href : null;
    } catch (error) {
      return null;
    }
  }

  function finish(element) {
    var event = new CustomEvent('civic:login', { bubbles: true, cancelable: true });
    var address = element.dataset.civicReturn ? ownAddress(element.dataset.civicReturn) : null;
    if (element.dispatchEvent(event) && address) {
      location.assign(address);
    }
  }

  document.addEventListener('click', function (event) {
    var element = event.target.closest ? event.target.closest('[data-civic-login]') : null;
    var address;
    if (!element) {
      return;
    }
    event.preventDefault();
    address = addressFor(element.dataset.civicLogin || here());
    if (!openWindow(address)) {
      location.assign(addressFor(element.dataset.civicReturn || here()));
      return;
    }
    wait().promise.then(function () { finish(element); }, function () { /* not now */ });
  });

  window.civicLogin = {
    fetch: fetchAgain,
    open: function (path) { return logIn(addressFor(path || here())); }
  };
  if ('fetch' in options) {
    window.fetch = fetchAgain;
  }
}());
