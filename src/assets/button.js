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
 *   civicLogin.open(path)   the login of an address; a promise that is kept when that address is open
 *
 * The dialog speaks the language that the server has chosen; data-words="..." data-login="..." data-cancel="..."
 * on the script are other texts. Its class is civic-dialog. Of a Content-Security-Policy all this needs
 * script-src 'self' and connect-src 'self'; a button alone needs no connect-src. */
(function () {
  'use strict';

  var own = document.currentScript;
  var options = own.dataset;
  var endpoint = new URL(own.src).pathname.replace(/\/button\.js$/, '');
  var channel = 'BroadcastChannel' in window ? new BroadcastChannel('civic-login') : null;
  var send = window.fetch.bind(window);
  var TIMES = 3; /* how often one request is sent again: each time may ask for another login */
  var ENGLISH = { words: 'Please log in to go on. Nothing on this page is lost.', login: 'Log in', cancel: 'Not now' };
  var clicked = new Map(); /* which window is whose: its name to the element, for which the newest counts */
  var waiting = null; /* { address, window, promise, done, cancel, dialog }: what requests wait for */

  function addressFor(path) {
    return endpoint + '/login?return=' + encodeURIComponent(path);
  }

  function here() {
    return location.pathname + location.search;
  }

  /* A name that nobody guesses: done.js says it when that very window has opened that very address. A window is
     known by nothing else, since the policy of its pages (Cross-Origin-Opener-Policy) cuts it off from ours. */
  function newName() {
    return crypto.getRandomValues(new Uint32Array(4)).join('-');
  }

  /* Gives false where the browser keeps new windows away, or nothing would be heard of them. */
  function openWindow(address, name, target) {
    return Boolean(channel && window.open(address + '&popup=1&window=' + name, target, 'popup,width=480,height=720'));
  }

  /* ---- is an address open? ---- */

  function problemOf(answer) {
    var isProblem = /^application\/problem\+json/.test(answer.headers.get('Content-Type') || '');
    return (isProblem ? answer.clone().json() : Promise.resolve({})).then(function (problem) {
      return problem || {};
    }, function () { return {}; });
  }

  /* @return a promise: null when no login is missing, else what the server says about it */
  function look(address) {
    return send(address + '&popup=1', { cache: 'no-store' }).then(function (answer) {
      return answer.ok && !answer.redirected ? null : problemOf(answer);
    });
  }

  /* ---- waiting for a login, whichever window it is in ---- */

  function begin(address) {
    var login = { address: address, window: newName() };
    function end(settle) {
      return function (why) {
        waiting = waiting === login ? null : waiting;
        if (login.dialog) {
          login.dialog.remove();
        }
        settle(why);
      };
    }
    login.promise = new Promise(function (resolve, reject) {
      login.done = end(resolve);
      login.cancel = end(reject);
    });
    return login;
  }

  /* Any other login may be a lesser one, or of another application: the server knows. */
  function hear(name) {
    var login = waiting;
    var element = clicked.get(name);
    if (element) {
      clicked.delete(name);
      finish(element);
    }
    if (login && login.window === name) {
      login.done();
    } else if (login) {
      look(login.address).then(function (problem) {
        if (!problem) {
          login.done();
        }
      }).catch(function () { /* it waits on */ });
    }
  }

  if (channel) {
    channel.onmessage = function (message) { hear(message.data && message.data.done); };
  }

  /* ---- the dialog: nothing opens by itself that the browser does not want to open ---- */

  function ask(login, words) {
    var dialog = document.createElement('dialog');
    function add(tag, name, action) {
      var element = document.createElement(tag);
      element.textContent = options[name] || words[name] || ENGLISH[name];
      if (!options[name] && words[name]) {
        element.lang = words.lang;
        element.dir = words.dir;
      }
      if (action) {
        element.type = 'button';
        element.addEventListener('click', action);
      }
      dialog.append(element);
    }
    function cancel() {
      login.cancel(new Error('cancelled'));
    }
    add('p', 'words');
    add('button', 'login', function () { openWindow(login.address, login.window, 'civic-dialog'); });
    add('button', 'cancel', cancel);
    dialog.className = 'civic-dialog';
    dialog.addEventListener('cancel', cancel);
    login.dialog = dialog;
    document.body.append(dialog);
    dialog.showModal();
  }

  /* @param problem what the server has said about the address; without it, it is asked */
  function logIn(address, problem) {
    var login = waiting;
    if (!channel) {
      return Promise.reject(new Error('this browser cannot'));
    }
    if (!login) {
      login = waiting = begin(address);
      openWindow(address, login.window, 'civic-dialog');
      (problem ? Promise.resolve(problem) : look(address).catch(function () { return {}; })).then(function (said) {
        if (!said) {
          login.done();
        } else if (waiting === login) {
          ask(login, said.dialog || {});
        }
      });
    }
    return login.promise;
  }

  function open(path) {
    var address = addressFor(path || here());
    return waiting && waiting.address !== address
      ? waiting.promise.then(function () { return logIn(address); }) : logIn(address);
  }

  /* ---- fetch ---- */

  /* What the answer says, when it asks for a login and is of this site. */
  function loginOf(answer) {
    if (answer.status !== 401 || new URL(answer.url, location.href).origin !== location.origin) {
      return Promise.resolve(null);
    }
    return problemOf(answer).then(function (problem) {
      return String(problem.login || '').indexOf(endpoint + '/login?') === 0 ? problem : null;
    });
  }

  function attempt(request, times) {
    var next = times > 0 ? request.clone() : null;
    return send(request).then(function (answer) {
      return next ? loginOf(answer).then(function (problem) {
        return problem ? logIn(problem.login, problem).then(function () {
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

  function returnOf(element) {
    return (element.dataset.civicReturn && ownAddress(element.dataset.civicReturn)) || '';
  }

  function finish(element) {
    var event = new CustomEvent('civic:login', { bubbles: true, cancelable: true });
    var address = returnOf(element);
    if (element.dispatchEvent(event) && address) {
      location.assign(address);
    }
  }

  document.addEventListener('click', function (event) {
    var element = event.target.closest ? event.target.closest('[data-civic-login]') : null;
    var address, name;
    if (!element) {
      return;
    }
    event.preventDefault();
    name = newName();
    address = addressFor(element.dataset.civicLogin || here());
    if (!openWindow(address, name, 'civic-login')) {
      location.assign(address + '&then=' + encodeURIComponent(returnOf(element).slice(location.origin.length) || here()));
      return;
    }
    clicked.forEach(function (other, older) {
      if (other === element) {
        clicked.delete(older);
      }
    });
    clicked.set(name, element);
  });

  window.civicLogin = {
    fetch: fetchAgain,
    open: open
  };
  if ('fetch' in options) {
    window.fetch = fetchAgain;
  }
}());
