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

  /* multipart/form-data: texts as characters of bytes, files as they are. */
  function fieldsOfParts(text, type) {
    function parse(body) {
      return new Response(body, { headers: { 'Content-Type': type } }).formData()
        .then(function (data) { return Array.from(data.entries()); });
    }
    var bytes = bytesOf(text);
    return Promise.all([parse(bytes), parse(new TextEncoder().encode(textOf(bytes)))])
      .then(function (both) {
        return both[1].map(function (field, number) {
          return typeof field[1] === 'string' ? field
            : [field[0], both[0][number][1], field[1].name];
        });
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
      if (field[2]) { /* else none was chosen */
        files = new DataTransfer();
        files.items.add(new File([field[1]], field[2], { type: field[1].type }));
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
}());
