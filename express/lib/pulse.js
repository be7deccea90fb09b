'use strict';

const PULSE_MS = 50;

/**
 * Looks at all requests in flight 20 times a second: one timer, because one for each costs more than most requests.
 * @typedef {{ pulse: (now: number) => void }} Timed
 */
class Pulse {
  /** @param {() => number} clock in ms, monotonic */
  constructor(clock) {
    this._clock = clock;
    /** @type {Set<Timed>} */
    this._all = new Set();
    /** @type {NodeJS.Timeout | null} */
    this._timer = null;
  }

  /** @param {Timed} one */
  add(one) {
    this._all.add(one);
    this._timer ??= setInterval(() => this._beat(), PULSE_MS).unref();
  }

  /** @param {Timed} one */
  remove(one) {
    this._all.delete(one);
  }

  _beat() {
    if (this._all.size === 0 && this._timer) {
      clearInterval(this._timer);
      this._timer = null;
      return;
    }
    const now = this._clock();
    for (const one of [...this._all]) {
      one.pulse(now);
    }
  }
}

module.exports = { Pulse };
