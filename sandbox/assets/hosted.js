/* hosted.js - the frame: polls, and tells the page that embeds it. */
(function () {
  'use strict';

  var main = document.getElementById('hosted');
  var id = main.dataset.id;
  var progress = document.getElementById('progress');
  var intro = document.getElementById('intro');
  var scan = document.getElementById('scan');
  var done = false;
  var wasRead = false;

  function tell(message) {
    window.parent.postMessage(message, main.dataset.origin);
  }

  function finish(message) {
    if (!done) {
      done = true;
      tell(message);
    }
  }

  function poll() {
    if (done) {
      return;
    }
    fetch('/hosted/poll/' + id, { cache: 'no-store' }).then(function (answer) {
      return answer.json();
    }).then(function (body) {
      if ((body.status === 'read' || body.status === 'denied') && !wasRead) {
        wasRead = true;
        progress.textContent = 'Please approve on your telephone.';
        tell({ civic: 'read' });
      }
      if (body.status === 'approved') {
        finish({ civic: 'code', token: body.token });
      } else if (body.status === 'denied') {
        finish({ civic: 'cancelled' });
      } else if (body.status === 'expired') {
        finish({ civic: 'error', type: 'timeout', message: 'the request has expired' });
      } else {
        setTimeout(poll, 400);
      }
    }).catch(function () {
      finish({ civic: 'error', type: 'network', message: 'the service cannot be reached' });
    });
  }

  document.getElementById('cancel').addEventListener('click', function () {
    if (id) {
      fetch('/hosted/cancel/' + id, { method: 'POST' });
    }
    if (window.parent === window) { /* not in a frame: a telephone's browser was sent here */
      history.back();
    }
    finish({ civic: 'cancelled' });
  });

  if (main.dataset.error) {
    /* The person sees the message here first, and then on the page. */
    setTimeout(function () {
      finish({ civic: 'error', type: main.dataset.errorType, message: main.dataset.error });
    }, 1000);
  } else if (main.dataset.intro === 'true') {
    intro.hidden = false;
    scan.hidden = true;
    document.getElementById('intro-go').addEventListener('click', function () {
      intro.hidden = true;
      scan.hidden = false;
      poll();
    });
  } else {
    poll();
  }
}());
