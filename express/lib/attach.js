'use strict';

/** What a middleware cannot do, because Node does it before any middleware runs. */

const answers = require('./answers');
const { postpone } = require('./expectation');
const { Fault } = require('./faults');
const { newRequestId } = require('./request_id');

/** @typedef {import('node:http').Server} Server */
/** @typedef {import('node:http').ServerResponse} ServerResponse */

/** @type {Record<string, { status: string, kind: import('./faults').FaultKind, message: string }>} */
const ERRORS = {
  HPE_HEADER_OVERFLOW: {
    status: '431 Request Header Fields Too Large', kind: 'badRequest', message: 'The header of the request is too large',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: '408 Request Timeout', kind: 'clientTooSlow', message: "The request took longer than the server's limit",
  },
};
const MALFORMED = {
  status: '400 Bad Request', kind: /** @type {const} */ ('badRequest'), message: 'The request is not valid HTTP',
};

/**
 * Install both on a server. Gives back how to undo it.
 * @param {Server} server
 * @param {import('./proxy').Proxy} proxy
 * @returns {() => void}
 */
function attach(server, proxy) {
  if (server.listenerCount('checkContinue') > 0 || server.listenerCount('clientError') > 0) {
    throw new TypeError('attach: this server has a listener for checkContinue or clientError already');
  }
  /** @type {WeakMap<object, ServerResponse>} by socket */
  const newest = new WeakMap();
  const listeners = {
    request: (/** @type {import('./proxy').Incoming} */ incoming, /** @type {ServerResponse} */ res) => {
      newest.set(incoming.socket, res);
    },
    checkContinue: (/** @type {import('./proxy').Incoming} */ incoming, /** @type {ServerResponse} */ res) => {
      if (proxy.routeOf(incoming.url ?? '') === null) {
        res.writeContinue(); // what Node does where nobody listens
      } else {
        postpone(incoming, res);
      }
      server.emit('request', incoming, res);
    },
    clientError: (/** @type {NodeJS.ErrnoException} */ error, /** @type {import('node:stream').Duplex} */ socket) => {
      refuse(error, socket, newest.get(socket));
    },
  };
  server.prependListener('request', listeners.request);
  server.on('checkContinue', listeners.checkContinue);
  server.on('clientError', listeners.clientError);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) {
      server.off(name, listener);
    }
  };
}

/**
 * Answer a request that Node could not read, unless another answer is on its way already.
 * @param {NodeJS.ErrnoException} error
 * @param {import('node:stream').Duplex} socket
 * @param {ServerResponse | undefined} res the last response on this connection
 */
function refuse(error, socket, res) {
  const answering = res && res.headersSent && !res.writableFinished;
  if (socket.writable && !answering && error.code !== 'ECONNRESET') {
    socket.write(refusal(ERRORS[error.code ?? ''] ?? MALFORMED));
  }
  socket.destroy(error);
}

/** @param {typeof MALFORMED | typeof ERRORS[string]} row */
function refusal({ status, kind, message }) {
  const requestId = newRequestId();
  const answer = { ...answers.forFault(new Fault(kind, message)), status: Number.parseInt(status, 10) };
  const body = answers.bodyOf(answer, requestId, new Date());
  const fields = [...answers.headersOf(answer, requestId, body.length), 'Connection', 'close'];
  let head = `HTTP/1.1 ${status}\r\nDate: ${new Date().toUTCString()}\r\n`;
  for (let at = 0; at < fields.length; at += 2) {
    head += `${fields[at]}: ${fields[at + 1]}\r\n`;
  }
  return Buffer.concat([Buffer.from(`${head}\r\n`), body]);
}

module.exports = { attach };
