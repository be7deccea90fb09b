'use strict';

/** Where sidecars listen, and which of several gets the next request. */

const { field } = require('./headers');

const REST_MS = 1000; // how long one that could not be reached is left out, while there are others

/** One listening sidecar. `outstanding`: requests that it has now. */
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
    this.restsUntil = 0;
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
 * The one with the fewest requests outstanding; the first of equals that has waited longest for its turn. One that
 * could not be reached a moment ago is left out while there is another.
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
    const left = tried ? endpoints.filter((one) => !tried.has(one)) : endpoints;
    if (left.length < 2) {
      return left[0] ?? null;
    }
    const awake = left.filter((one) => one.restsUntil <= now);
    const choice = awake.length > 0 ? awake : left;
    const first = this._turn++ % choice.length;
    const inTurn = [...choice.slice(first), ...choice.slice(0, first)];
    return inTurn.reduce((best, one) => (one.outstanding < best.outstanding ? one : best));
  }

  /**
   * It could not be reached.
   * @param {Endpoint} endpoint
   * @param {number} now
   */
  failed(endpoint, now) {
    endpoint.restsUntil = now + REST_MS;
  }
}

module.exports = { Balance, Endpoint };
