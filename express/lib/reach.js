'use strict';

/** Finds a connection for one request: the endpoint with the fewest outstanding, then those that are left. */

const { Fault } = require('./faults');

class Reach {
  /**
   * @param {import('./exchange').Desk} desk
   * @param {boolean} repeatable
   * @param {(connection: import('./connection').Connection | null, fault: Fault | null) => void} done
   */
  constructor({ balance, clock, pool, upstream }, repeatable, done) {
    this._balance = balance;
    this._clock = clock;
    this._pool = pool;
    this._upstream = upstream;
    this._repeatable = repeatable;
    this._done = done;
    /** @type {Set<import('./endpoints').Endpoint>} */
    this._tried = new Set();
    /** @type {import('./endpoints').Endpoint | null} */
    this._endpoint = null;
  }

  start() {
    const endpoint = this._balance.pick(this._upstream.endpoints(), this._clock(), this._tried);
    this._use(endpoint);
    if (endpoint) {
      this._pool.take(endpoint, this._repeatable, (connection, fault) => this._reached(connection, fault));
    } else {
      this._done(null, new Fault('unreachable', 'No sidecar is ready'));
    }
  }

  /** A new connection to the same sidecar, after a pooled one turned out to be closed. */
  afresh() {
    if (this._endpoint) {
      this._pool.open(this._endpoint, (connection, fault) => this._reached(connection, fault));
    }
  }

  /** It has answered: whatever there was, it works again. */
  answered() {
    if (this._endpoint) {
      this._balance.worked(this._endpoint);
    }
  }

  /** The connection ended without a byte of an answer. */
  broke() {
    if (this._endpoint) {
      this._balance.failed(this._endpoint, this._clock());
    }
  }

  /** The request is over. */
  release() {
    this._use(null);
  }

  /**
   * @param {import('./connection').Connection | null} connection
   * @param {Fault | null} fault
   */
  _reached(connection, fault) {
    const endpoint = this._endpoint;
    if (fault && endpoint) {
      // Nothing has been sent, so that another sidecar may be asked, whatever the request.
      this._tried.add(endpoint);
      this._balance.failed(endpoint, this._clock());
      if (this._upstream.endpoints().some((one) => !this._tried.has(one))) {
        this.start();
        return;
      }
    }
    this._done(connection, fault);
  }

  /** @param {import('./endpoints').Endpoint | null} endpoint */
  _use(endpoint) {
    if (this._endpoint) {
      this._endpoint.outstanding -= 1;
    }
    this._endpoint = endpoint;
    if (endpoint) {
      endpoint.outstanding += 1;
    }
  }
}

module.exports = { Reach };
