/* done.js - the last page of a login in a window of its own: tells the site's other windows (button.js), and
   closes itself. */
(function () {
  'use strict';

  if ('BroadcastChannel' in window) {
    new BroadcastChannel('civic-login').postMessage({ done: true });
  }
  window.close();
}());
