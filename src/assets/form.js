/* form.js - a form that met no session comes with the login page, as it was sent. After the login it
   is sent again: once, to the same address, byte for byte. Nothing of it is stored. */
(function () {
  'use strict';

  /* Each byte is one character of it, and the other way round, whatever the form's own encoding is. */
  var BYTES = 'windows-1252';
  var element = document.getElementById('civic-form');
  var note = document.getElementById('civic-form-note');

  if (!element) {
    return;
  }

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

  window.civicForm = {
    /* Send the form to `path` in place of going there. Gives false when there is none, or it belongs
       elsewhere. */
    send: function (path) {
      var kept = element;
      if (!kept || path !== ownPath()) {
        return false;
      }
      element = null;
      fieldsOf(atob(kept.content.textContent.trim()), kept.dataset.type).then(function (fields) {
        submit(fields, kept.dataset.type, path + location.hash);
      }).catch(function () { location.replace(path + location.hash); });
      return true;
    }
  };
  note.hidden = false;
  document.getElementById('civic-form-drop').addEventListener('click', function () {
    element = null;
    note.hidden = true;
    document.getElementById('signupButton').focus();
  });
}());
