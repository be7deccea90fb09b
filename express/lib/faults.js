'use strict';

/**
 * Everything that can end a proxied request before its regular end: what the client is told, and what the event calls
 * it. One row for each; the words of CONTRACT §3 are the Python proxy's.
 *
 * @typedef {object} Row
 * @property {number} status
 * @property {string} code
 * @property {string} error
 * @property {string} suggestion
 * @property {import('../index').Outcome} outcome
 * @property {number} [retryAfterSeconds]
 * @property {boolean} [close] ends the client's connection: nobody knows where the request ends
 */

const BODY_ORDER =
  'Put app.use(sidecar.middleware()) before express.json() and other body parsers, or keep the bytes: ' +
  'express.json({ verify: (req, _res, buffer) => { req.rawBody = buffer; } })';

/** @type {Readonly<Record<FaultKind, Row>>} */
const ROWS = {
  badRequest: {
    status: 400, code: 'invalid_request', error: 'Invalid request', outcome: 'refused', close: true,
    suggestion: 'Correct the request; it was not forwarded',
  },
  clientTooSlow: {
    status: 408, code: 'request_timeout', error: 'Request timed out', outcome: 'client_too_slow', close: true,
    suggestion:
      'Send the body without pauses; if a middleware of the host has read the body already, put the proxy before it',
  },
  tooLarge: {
    status: 413, code: 'payload_too_large', error: 'Request body too large', outcome: 'too_large', close: true,
    suggestion: 'Send a smaller file, or raise the limit',
  },
  bodyTaken: {
    status: 500, code: 'internal_error', error: 'Request body already read', outcome: 'server_error',
    suggestion: BODY_ORDER,
  },
  hostFault: {
    status: 500, code: 'internal_error', error: 'Internal error', outcome: 'server_error',
    suggestion: 'Look for the request id in the log of the host',
  },
  broken: {
    status: 502, code: 'upstream_failed', error: 'Flask server failed', outcome: 'upstream_failed',
    suggestion: 'Try again; the log of the sidecar tells more',
  },
  unreachable: {
    status: 503, code: 'sidecar_unavailable', error: 'Flask server unavailable', outcome: 'unreachable',
    suggestion: 'Try again; it may just be restarting', retryAfterSeconds: 1,
  },
  tooSlow: {
    status: 504, code: 'upstream_timeout', error: 'Flask server timed out', outcome: 'upstream_timeout',
    suggestion: 'Try again later, or with a smaller file',
  },
  // No answer reaches anybody: 499 is for the event only.
  clientGone: { status: 499, code: 'client_gone', error: 'Client gone', suggestion: '', outcome: 'client_gone' },
};

/**
 * @typedef {'badRequest' | 'clientTooSlow' | 'tooLarge' | 'bodyTaken' | 'hostFault' | 'broken' | 'unreachable'
 *   | 'tooSlow' | 'clientGone'} FaultKind
 */

/** One fault: a row, words for a person, and extra fields of the JSON. Not an Error: it has no stack to show. */
class Fault {
  /**
   * @param {FaultKind} kind
   * @param {string} message
   * @param {Record<string, unknown>} [details]
   */
  constructor(kind, message, details = {}) {
    this.kind = kind;
    this.message = message;
    this.details = details;
  }

  get row() {
    return ROWS[this.kind];
  }
}

/** @param {number} limit in bytes */
function bodyTooLarge(limit) {
  return new Fault('tooLarge', `The request body is larger than the limit of ${limit} bytes`, { limitBytes: limit });
}

module.exports = { Fault, ROWS, bodyTooLarge };
