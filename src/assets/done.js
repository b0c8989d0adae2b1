/* done.js - the last page of a login in a window of its own: tells the page that has opened it (button.js) by
   the name that this gave it, and closes itself. */
(function () {
  'use strict';

  if ('BroadcastChannel' in window) {
    new BroadcastChannel('civic-login').postMessage({ done: new URLSearchParams(location.search).get('window') });
  }
  window.close();
}());
