'use strict';

/** Where sidecars listen, and which of several gets the next request. */

const { field } = require('./headers');

// How long one that has failed is left out while there are others: doubled with each failure in a row, as in the Python
// proxy (`mediabridge.proxy.balance`).
const FIRST_REST_MS = 250;
const LONGEST_REST_MS = 8000;

/** One listening sidecar. `outstanding`: requests that it has now; `failures`: in a row. */
class Endpoint {
  /**
   * @param {string} url `http://host:port`, or `unix:path`
   * @param {Readonly<Record<string, string>>} [headers] added to every request; a client's own of such a name is dropped
   * @throws {TypeError} for another kind of URL
   */
  constructor(url, headers = {}) {
    this.url = url;
    this.headers = headers;
    this.names = new Set(Object.keys(headers).map((name) => field(name).plain));
    this.outstanding = 0;
    this.turn = 0;
    this.failures = 0;
    this.restsUntil = 0;
    this.onTrial = false;
    if (url.startsWith('unix:')) {
      this.where = { path: url.slice('unix:'.length) };
      this.authority = 'localhost';
      return;
    }
    const { protocol, hostname, port, host } = new URL(url);
    if (protocol !== 'http:') {
      throw new TypeError(`not the URL of a sidecar (http://host:port or unix:path): ${JSON.stringify(url)}`);
    }
    this.where = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) };
    this.authority = host;
  }

  toString() {
    return this.where.path === undefined ? this.authority : this.url;
  }
}

/**
 * The one with the fewest requests outstanding; of equals, the one that has waited longest for its turn. One that failed
 * is left out for a while, then tried with one request; when all of them have failed, the one whose rest ends first.
 */
class Balance {
  constructor() {
    this._turn = 0;
  }

  /**
   * @param {readonly Endpoint[]} endpoints
   * @param {number} now in ms, monotonic
   * @param {ReadonlySet<Endpoint>} [tried] not these
   * @returns {Endpoint | null} null when none is left
   */
  pick(endpoints, now, tried) {
    const left = tried && tried.size > 0 ? endpoints.filter((one) => !tried.has(one)) : endpoints;
    if (left.length < 2) {
      return left[0] ?? null;
    }
    const best = left.reduce((first, one) => (isBefore(one, first, now) ? one : first));
    best.turn = this._turn += 1;
    if (best.failures > 0) {
      best.onTrial = true;
      best.restsUntil = now + restMs(best.failures);
    }
    return best;
  }

  /**
   * No connection to it, or one that ended before it answered.
   * @param {Endpoint} endpoint
   * @param {number} now
   */
  failed(endpoint, now) {
    if (now < endpoint.restsUntil && !endpoint.onTrial) {
      return; // of the same breakdown: however many requests it takes along, it is one
    }
    endpoint.onTrial = false;
    endpoint.failures += 1;
    endpoint.restsUntil = now + restMs(endpoint.failures);
  }

  /**
   * It has answered.
   * @param {Endpoint} endpoint
   */
  worked(endpoint) {
    if (endpoint.failures > 0) {
      endpoint.failures = 0;
      endpoint.restsUntil = 0;
      endpoint.onTrial = false;
    }
  }
}

/** @param {number} failures in a row */
function restMs(failures) {
  return Math.min(FIRST_REST_MS * 2 ** (failures - 1), LONGEST_REST_MS);
}

/**
 * @param {Endpoint} one
 * @param {Endpoint} other
 * @param {number} now
 */
function isBefore(one, other, now) {
  const rests = Math.max(one.restsUntil - now, 0) - Math.max(other.restsUntil - now, 0);
  return (rests || one.outstanding - other.outstanding || one.turn - other.turn) < 0;
}

module.exports = { Balance, Endpoint };
