'use strict';

/** Connections to the sidecars: opened, kept while they are idle, used again. Last in, first out. */

const { getSystemErrorMap } = require('node:util');
const { Connection } = require('./connection');
const { Fault } = require('./faults');
const { seconds } = require('./stall');


class Pool {
  /**
   * @param {{ connectMs: number, poolIdleMs: number, poolSize: number }} limits `poolIdleMs` must be below the
   *   sidecar's own; `poolSize` is for each endpoint
   * @param {() => number} clock in ms, monotonic
   */
  constructor({ connectMs, poolIdleMs, poolSize }, clock) {
    this._connectMs = connectMs;
    this._idleMs = poolIdleMs;
    this._size = poolSize;
    this._clock = clock;
    /** @type {Map<string, Connection[]>} */
    this._idle = new Map();
    /** @type {NodeJS.Timeout | null} */
    this._sweeper = null;
  }

  /** How many are idle. */
  get idle() {
    return [...this._idle.values()].reduce((sum, some) => sum + some.length, 0);
  }

  /**
   * A connection for a request. `done` gets it, or the fault.
   *
   * A pooled one may have been closed by the other side without our having seen it. For a request that cannot be
   * repeated the event loop therefore first takes what the system has for it: one whole turn.
   * @param {import('./endpoints').Endpoint} endpoint
   * @param {boolean} repeatable
   * @param {(connection: Connection | null, fault: Fault | null) => void} done
   */
  take(endpoint, repeatable, done) {
    const connection = this._pooled(endpoint);
    if (!connection) {
      this.open(endpoint, done);
    } else if (repeatable) {
      done(connection, null);
    } else {
      afterOneTurn(() => (connection.closed ? this.take(endpoint, false, done) : done(connection, null)));
    }
  }

  /** @param {import('./endpoints').Endpoint} endpoint */
  _pooled(endpoint) {
    const idle = this._idle.get(endpoint.url);
    const oldest = this._clock() - this._idleMs;
    let connection;
    while ((connection = idle?.pop())) {
      if (!connection.closed && connection.idleSince > oldest) {
        connection.endpoint = endpoint; // another object for the same address after a restart
        return connection;
      }
      connection.destroy();
    }
    return null;
  }

  /**
   * A new connection.
   * @param {import('./endpoints').Endpoint} endpoint
   * @param {(connection: Connection | null, fault: Fault | null) => void} done
   */
  open(endpoint, done) {
    const connection = new Connection(endpoint, (lost) => this._forget(lost));
    connection.open(this._connectMs, (error) => {
      if (!error) {
        done(connection, null);
      } else if (error.code === 'ETIMEDOUT') {
        done(null, new Fault('tooSlow', `No connection to ${endpoint} within ${seconds(this._connectMs)}`));
      } else {
        done(null, new Fault('unreachable', `No connection to ${endpoint}: ${wordsOf(error)}`));
      }
    });
  }

  /**
   * Keep a connection for the next exchange if the last one left it fit for that, else close it.
   * @param {Connection} connection
   */
  giveBack(connection) {
    connection.release();
    const idle = this._idle.get(connection.endpoint.url) ?? [];
    if (!connection.reusable || idle.length >= this._size) {
      connection.destroy();
      return;
    }
    connection.idleSince = this._clock();
    idle.push(connection);
    this._idle.set(connection.endpoint.url, idle);
    this._sweeper ??= setTimeout(() => this._sweep(), this._idleMs).unref();
  }

  /** @param {Connection} connection */
  _forget(connection) {
    const idle = this._idle.get(connection.endpoint.url);
    const at = idle ? idle.indexOf(connection) : -1;
    if (at >= 0) {
      idle?.splice(at, 1);
    }
  }

  _sweep() {
    this._sweeper = null;
    const oldest = this._clock() - this._idleMs;
    for (const [url, idle] of this._idle) {
      const old = idle.filter((connection) => connection.idleSince <= oldest);
      this._idle.set(url, idle.filter((connection) => connection.idleSince > oldest));
      old.forEach((connection) => connection.destroy());
      if (this._idle.get(url)?.length === 0) {
        this._idle.delete(url);
      }
    }
    if (this._idle.size > 0) {
      this._sweeper = setTimeout(() => this._sweep(), this._idleMs).unref();
    }
  }

  /** Close every idle connection. Those in use end with their requests. */
  close() {
    if (this._sweeper) {
      clearTimeout(this._sweeper);
      this._sweeper = null;
    }
    const all = [...this._idle.values()].flat();
    this._idle.clear();
    all.forEach((connection) => connection.destroy());
  }
}

/**
 * `setImmediate` runs behind the events that have been fetched already; the second one behind a fresh look.
 * @param {() => void} then
 */
function afterOneTurn(then) {
  setImmediate(() => setImmediate(then));
}

/** @param {NodeJS.ErrnoException} error */
function wordsOf(error) {
  const known = error.errno === undefined ? undefined : getSystemErrorMap().get(error.errno);
  return known ? known[1] : error.message;
}

module.exports = { Pool };
