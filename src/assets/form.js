/* form.js - a form that met no session comes with the login page, as it was sent. After the login it
   is sent again: once, to the same address, byte for byte. It is stored only while a telephone is in
   the Civic app, which comes back by a tab that has none of this page's memory. */
(function () {
  'use strict';

  /* Each byte is one character of it, and the other way round, whatever the form's own encoding is. */
  var BYTES = 'windows-1252';
  var PREFIX = 'civic-form '; /* of keys in localStorage */
  var KEPT = 15 * 60000; /* ms for which a stored one is good */
  var element = document.getElementById('civic-form');
  var note = document.getElementById('civic-form-note');
  var button = document.getElementById('signupButton');
  var form = null; /* what is stored: path, hash, type, body, time, and the words about it */
  var key = null; /* where it is stored; then whoever takes it from there sends it */

  function bytesOf(text) {
    return Uint8Array.from(text, function (character) { return character.charCodeAt(0); });
  }

  function textOf(bytes) {
    return new TextDecoder(BYTES).decode(bytes);
  }

  /* application/x-www-form-urlencoded */
  function fieldsOfPairs(text) {
    function decode(part) {
      return textOf(bytesOf(part.replace(/\+/g, ' ').replace(/%([0-9a-f]{2})/gi, function (all, hex) {
        return String.fromCharCode(parseInt(hex, 16));
      })));
    }
    return text.split('&').filter(Boolean).map(function (pair) {
      var at = (pair + '=').indexOf('=');
      return [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
    });
  }

  /* text/plain does not tell where a field ends: all of it is one. */
  function fieldsOfText(text) {
    var whole = textOf(bytesOf(text)).replace(/\r\n$/, '');
    var at = (whole + '=').indexOf('=');
    return whole ? [[whole.slice(0, at), whole.slice(at + 1)]] : [];
  }

  /* The bytes that textOf has made characters of. */
  function bytesBehind(text) {
    var byCharacter = {};
    Array.from(textOf(Uint8Array.from({ length: 256 }, function (none, byte) { return byte; })))
      .forEach(function (character, byte) { byCharacter[character] = byte; });
    return Uint8Array.from(text, function (character) { return byCharacter[character]; });
  }

  /* multipart/form-data: browsers take it apart when it is UTF-8, so it is made that first. */
  function fieldsOfParts(text, type) {
    var body = new Blob([textOf(bytesOf(text))]);
    return new Response(body, { headers: { 'Content-Type': type } }).formData().then(function (data) {
      return Promise.all(Array.from(data.entries(), function (field) {
        var file = field[1];
        return typeof file === 'string' ? field : file.text().then(function (content) {
          return [field[0], new File([bytesBehind(content)], file.name, { type: file.type })];
        });
      }));
    });
  }

  function fieldsOf(text, type) {
    if (/^multipart\//i.test(type)) {
      return fieldsOfParts(text, type);
    }
    return Promise.resolve(/^text\//i.test(type) ? fieldsOfText(text) : fieldsOfPairs(text));
  }

  function controlFor(field) {
    var control, files;
    if (typeof field[1] === 'string') {
      control = document.createElement('textarea'); /* keeps lines; _charset_ means nothing in it */
      control.value = field[1];
    } else {
      control = document.createElement('input');
      control.type = 'file';
      if (field[1].name) { /* else none was chosen */
        files = new DataTransfer();
        files.items.add(field[1]);
        control.files = files.files;
      }
    }
    control.name = field[0];
    return control;
  }

  /* Back leads to the address then, not to a page that asks to send a form. Fields may have names such as
     "submit": nothing is read from the form. */
  function submit(fields, type, address) {
    var form = document.createElement('form');
    form.setAttribute('method', 'post');
    form.setAttribute('action', address);
    form.setAttribute('enctype', type.split(';')[0].trim().toLowerCase());
    form.setAttribute('accept-charset', BYTES);
    form.setAttribute('hidden', '');
    fields.forEach(function (field) {
      Node.prototype.appendChild.call(form, controlFor(field));
    });
    document.body.appendChild(form);
    history.replaceState(null, '', address);
    HTMLFormElement.prototype.submit.call(form);
  }

  function ownPath() {
    return location.pathname + location.search.replace(/([?&])uuid(=[^&]*)?(&|$)/, function (all, first, value, last) {
      return last ? first : '';
    });
  }

  /* ---- the storage ---- */

  /* A tab stores one at most: a form that was corrected and sent anew replaces the first. */
  function put() {
    var last, name;
    try {
      last = sessionStorage.getItem(PREFIX);
      if (last && last !== key) {
        localStorage.removeItem(last);
      }
      name = key || PREFIX + Math.random();
      form.time = Date.now();
      localStorage.setItem(name, JSON.stringify(form));
      sessionStorage.setItem(PREFIX, name);
      key = name;
    } catch (error) { /* no storage, or no room in it */ }
    return key;
  }

  /* Another tab may have taken what was stored. */
  function isHere() {
    return form && !(key && localStorage.getItem(key) === null);
  }

  /* The form, for this tab alone; null when there is none. */
  function take() {
    var taken = isHere() ? form : null;
    if (key) {
      localStorage.removeItem(key);
    }
    form = key = null;
    return taken;
  }

  /* The latest that was stored at this address. Old ones go, wherever they belong. */
  function find() {
    try {
      Object.keys(localStorage).forEach(function (name) {
        var item;
        if (name.indexOf(PREFIX) === 0) {
          item = JSON.parse(localStorage.getItem(name));
          if (!(Math.abs(Date.now() - item.time) < KEPT)) {
            localStorage.removeItem(name);
            name = null;
          }
          if (item.path === ownPath() && !(form && form.time > item.time)) {
            form = item;
            key = name;
          }
        }
      });
    } catch (error) { /* no storage */ }
  }

  /* ---- what the person sees ---- */

  function lose() {
    note.textContent = form.lost;
    note = form = null;
  }

  function drop() {
    take();
    note.hidden = true;
    button.focus();
  }

  function showNote() {
    var action = document.createElement('button');
    note = document.createElement('p');
    note.id = 'civic-form-note';
    note.className = 'civic-cause';
    note.textContent = form.kept + ' ';
    action.type = 'button';
    action.className = 'civic-plain';
    action.id = 'civic-form-drop';
    action.textContent = form.drop;
    note.appendChild(action);
    document.querySelector('.civic-asks').after(note);
  }

  /* Will the Civic app be opened here? Then this page may not be there any more. */
  function isTelephone() {
    return /Mobi|Android|Mac/.test(navigator.userAgent) && navigator.maxTouchPoints > 0;
  }

  window.civicForm = {
    /* Send the form in place of going to `path`. Gives false when there is none. */
    send: function (path) {
      var taken = take();
      if (!taken) {
        return false;
      }
      fieldsOf(atob(taken.body), taken.type).then(function (fields) {
        submit(fields, taken.type, taken.path + taken.hash);
      }).catch(function () { location.replace(path); });
      return true;
    },
    /* A login starts. Gives words for the person when the form cannot be kept meanwhile. */
    hold: function () {
      var words = form && form.lost;
      if (note) {
        note.hidden = !isHere();
      }
      if (!isHere() || !isTelephone()) {
        return '';
      }
      if (put()) {
        history.replaceState(null, '', location.href); /* Back gets the page, and not an error of the browser */
        return '';
      }
      lose();
      return words;
    }
  };

  find();
  if (element) {
    form = {
      path: ownPath(), hash: location.hash, type: element.dataset.type, body: element.content.textContent.trim(),
      kept: note.firstChild.data.trim(), drop: note.lastChild.textContent, lost: note.dataset.lost
    };
    key = null;
    note.hidden = false;
    if (isTelephone()) { /* tried now, so that nothing is promised */
      if (put()) {
        localStorage.removeItem(key);
      } else {
        lose();
      }
      key = null;
    }
  } else if (form) {
    showNote();
    if (!key) {
      lose();
    }
  }
  if (form) {
    document.getElementById('civic-form-drop').addEventListener('click', drop);
  }
}());
