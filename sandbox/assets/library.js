/* civic.sip.min.js - the sandbox's stand-in for Civic's browser library (readable, whatever its
 * name says): the same global, options, events and handling of `uuid`. */
(function () {
  'use strict';

  var BASE = new URL(document.currentScript.src).origin;
  var SCOPES = {
    BASIC_SIGNUP: 'BASIC_SIGNUP',
    ANONYMOUS_LOGIN: 'ANONYMOUS_LOGIN',
    PROOF_OF_IDENTITY: 'PROOF_OF_IDENTITY'
  };

  function parameter(name) {
    return new URLSearchParams(location.search).get(name);
  }

  function isMobile() {
    return parameter('civic-mobile') === '1' || /Mobi|Android/i.test(navigator.userAgent);
  }

  /* Without the uuid, everything else letter by letter. */
  function pageAddress() {
    var url = new URL(location.href);
    url.search = url.search.slice(1).split('&').filter(function (part) {
      return part.split('=')[0] !== 'uuid';
    }).join('&');
    return url.href;
  }

  function Sip(options) {
    var self = this;
    if (!options || !options.appId) {
      throw new Error('appId is missing');
    }
    this.appId = options.appId;
    this.hideIntro = !!options.hideIntro;
    this.ScopeRequests = SCOPES;
    this.listeners = {};
    this.modal = null;
    window.addEventListener('message', function (message) {
      self.receive(message);
    });
    /* Back from the Civic app, in a new tab: open by itself and poll. */
    if (parameter('uuid')) {
      setTimeout(function () {
        self.open({ uuid: parameter('uuid') });
      }, 0);
    }
  }

  Sip.prototype.on = function (name, listener) {
    (this.listeners[name] = this.listeners[name] || []).push(listener);
    return this;
  };
  Sip.prototype.addEventListener = Sip.prototype.on;

  Sip.prototype.removeAllListeners = function (name) {
    if (name) {
      delete this.listeners[name];
    } else {
      this.listeners = {};
    }
  };

  Sip.prototype.emit = function (name, event) {
    (this.listeners[name] || []).slice().forEach(function (listener) {
      listener(event);
    });
  };

  Sip.prototype.signup = function (options) {
    var scope = options && options.scopeRequest;
    if (!scope) {
      this.emit('civic-sip-error', { type: 'invalid-options', message: 'scopeRequest is missing' });
      return;
    }
    if (isMobile()) {
      location.assign(BASE + '/hosted/app?' + new URLSearchParams({
        appId: this.appId, scope: scope, page: pageAddress()
      }));
      return;
    }
    this.open({ appId: this.appId, scope: scope, hideIntro: String(this.hideIntro), page: pageAddress() });
  };

  Sip.prototype.open = function (query) {
    var frame = document.createElement('iframe');
    this.close();
    this.modal = document.createElement('div');
    this.modal.id = 'civic-modal';
    this.modal.className = 'civic-modal';
    this.modal.setAttribute('style', 'position:fixed;inset:0;z-index:1000;');
    frame.id = 'civic-frame';
    frame.title = 'Log in with Civic';
    frame.src = BASE + '/hosted/frame?' + new URLSearchParams(query);
    this.modal.appendChild(frame);
    document.body.appendChild(this.modal);
  };

  Sip.prototype.close = function () {
    if (this.modal) {
      this.modal.remove();
      this.modal = null;
    }
  };

  /* Only our own frame may speak, and only from where it was loaded. */
  Sip.prototype.receive = function (message) {
    var frame = this.modal && this.modal.firstChild;
    var data = message.data;
    if (!frame || message.origin !== BASE || message.source !== frame.contentWindow || !data) {
      return;
    }
    if (data.civic === 'read') {
      this.emit('read', { event: 'scoperequest:read' });
    } else if (data.civic === 'code') {
      this.close();
      this.emit('auth-code-received', {
        event: 'scoperequest:auth-code-received', response: data.token, type: 'code'
      });
    } else if (data.civic === 'cancelled') {
      this.close();
      this.emit('user-cancelled', { event: 'scoperequest:user-cancelled' });
    } else if (data.civic === 'error') {
      this.close();
      this.emit('civic-sip-error', { type: data.type, message: data.message });
    }
  };

  window.civic = { sip: Sip };
}());
