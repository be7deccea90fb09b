'use strict';

/** What the proxy says by itself: the JSON of the contract. */

/**
 * One of our own answers. `retryAfterSeconds`: null for no Retry-After; `details` are extra fields of the JSON.
 * `close` ends the client's connection.
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} code
 * @property {string} error
 * @property {string} message
 * @property {string} suggestion
 * @property {number | null} retryAfterSeconds
 * @property {Record<string, unknown>} details
 * @property {boolean} close
 */

/**
 * The answer for a fault.
 * @param {import('./faults').Fault} fault
 * @returns {Answer}
 */
function forFault({ row, message, details }) {
  const { status, code, error, suggestion } = row;
  const retryAfterSeconds = row.retryAfterSeconds ?? null;
  return { status, code, error, message, suggestion, retryAfterSeconds, details, close: row.close ?? false };
}

/**
 * 503, in the supervisor's own words.
 * @param {import('./words').Unavailable} why
 * @returns {Answer}
 */
function notReady(why) {
  return { status: 503, code: 'sidecar_unavailable', close: false, ...why };
}

/** @type {Answer} */
const NOT_FOUND = {
  status: 404, code: 'not_found', error: 'Not found', message: 'Nothing is served at this path',
  suggestion: 'Check the path of the request', retryAfterSeconds: null, details: {}, close: false,
};

/**
 * The JSON, after CONTRACT §3.
 * @param {Answer} answer
 * @param {string} requestId
 * @param {Date} now
 * @returns {Buffer}
 */
function bodyOf(answer, requestId, now) {
  const { error, message, suggestion, status, code } = answer;
  const timestamp = now.toISOString().replace(/\.\d+Z$/, 'Z');
  const fields = { ...answer.details, error, message, suggestion, timestamp, status, code, requestId };
  return Buffer.from(JSON.stringify(fields));
}

/**
 * The header fields. Retry-After is in whole seconds, at least one (RFC 9110 §10.2.3).
 * @param {Answer} answer
 * @param {string} requestId
 * @param {number} length of the body in bytes
 * @returns {string[]}
 */
function headersOf(answer, requestId, length) {
  const fields = [
    'Content-Type', 'application/json', 'Content-Length', String(length), 'Cache-Control', 'no-store',
    'X-Request-ID', requestId,
  ];
  if (answer.retryAfterSeconds !== null) {
    fields.push('Retry-After', String(Math.max(1, Math.ceil(answer.retryAfterSeconds))));
  }
  return fields;
}

module.exports = { NOT_FOUND, bodyOf, forFault, headersOf, notReady };
