'use strict';

/** A sidecar that we have `mediabridge supervise` run: started, followed, started again when the supervisor dies. */

const { SidecarError } = require('./errors');
const { findCommand } = require('./command');
const state = require('./state');
const { Supervisor } = require('./supervisor');

const TAIL_LINES = 20;
const FIRST_DELAY_S = 1;
const LONGEST_DELAY_S = 30;
const MOST_REVIVALS = 5; // in a row, without one that became ready

/** @typedef {import('./state').Known} Known */

/**
 * What happened, for whoever listens. `name` is an event of `Sidecar`, or another one of the supervisor.
 * @typedef {{ name: string, detail: Record<string, any> }} Happening
 */

class Supervised {
  /**
   * @param {import('./settings').Settings} settings
   * @param {(known: Known | null, happening: Happening | null) => void} tell `known`: null for no change
   * @param {(line: string) => void} log
   */
  constructor(settings, tell, log) {
    this._settings = settings;
    this._tell = tell;
    this._log = log;
    /** @type {Supervisor | null} */
    this._supervisor = null;
    /** @type {NodeJS.Timeout | null} */
    this._revival = null;
    this._revivals = 0;
    this._wasReady = false;
    this._stopping = false;
    /** @type {string[]} */
    this._tail = [];
    /** @type {Known} */
    this._known = state.NOTHING;
  }

  /**
   * Start it, unless it runs. How it goes is told.
   * @returns {Promise<void>}
   */
  async start() {
    if (this._supervisor && this._known.status.state !== 'failed') {
      return;
    }
    await this.stop();
    this._stopping = false;
    this._revivals = 0;
    this._change(state.plain('starting', 'starting'), null);
    this._spawn();
  }

  _spawn() {
    const { args, command, cwd, env } = this._settings;
    this._tail = [];
    this._wasReady = false;
    try {
      this._supervisor = new Supervisor(
        { command: findCommand({ command, cwd, env }), args, cwd, env },
        {
          onEvent: (event) => this._onEvent(event),
          onLine: (line) => this._onLine(line),
          onEnd: (end) => this._onEnd(end),
        },
      );
    } catch (error) {
      this._notSpawned(error);
    }
  }

  /** @param {unknown} error */
  _notSpawned(error) {
    const known = error instanceof SidecarError;
    const message = known ? error.message : `mediabridge supervise could not be run (${wordsOf(error)}).`;
    const suggestion = known ? error.suggestion : 'Check the options `command`, `cwd` and `env`.';
    this._supervisor = null;
    this._fail({ kind: known ? error.code : 'supervisor_failed', message, suggestion, why: 'start_failed' }, 'failed');
  }

  /** @param {Record<string, any>} event */
  _onEvent(event) {
    if (event.event === 'error') {
      this._log(`[mediabridge] ${event.message} ${event.suggestion ?? ''}`);
      return;
    }
    const known = state.after(this._known, event);
    if (this._stopping) {
      this._tell(null, { name: event.event, detail: event }); // of its state we know more
      return;
    }
    if (known.status.state === 'ready') {
      this._wasReady = true;
      this._revivals = 0;
    }
    if (known.status.state === 'ready' || known.status.state === 'failed') {
      this._supervisor?.unref(); // start() has its answer: from here on only the host's own work keeps it alive
    }
    this._change(known, { name: event.event, detail: event });
  }

  /** @param {string} line */
  _onLine(line) {
    this._tail.push(line);
    if (this._tail.length > TAIL_LINES) {
      this._tail.shift();
    }
    this._log(line);
  }

  /** @param {import('./supervisor').End} end */
  _onEnd(end) {
    this._supervisor = null;
    if (this._stopping || this._known.status.state === 'failed') {
      return; // asked for, or its reason is known already
    }
    const message = `mediabridge supervise ${endWords(end)}. ${this._tail.at(-1) ?? ''}`.trim();
    const mayRevive = this._wasReady && end.code !== 0 && this._settings.restarts && this._revivals < MOST_REVIVALS;
    if (mayRevive) {
      this._revive(message);
    } else {
      const suggestion = 'Call sidecar.start() again; if it ends again, run: mediabridge doctor';
      const why = this._wasReady ? 'exited' : 'start_failed';
      this._fail({ kind: 'supervisor_ended', message, suggestion, why }, this._wasReady ? 'exited' : 'failed');
    }
  }

  /** @param {string} message */
  _revive(message) {
    const delay = Math.min(FIRST_DELAY_S * 2 ** this._revivals, LONGEST_DELAY_S);
    this._revivals += 1;
    const suggestion = 'Try again in a moment.';
    this._fail({ kind: 'supervisor_ended', message, suggestion, why: 'restarting', retryAfterSeconds: delay }, 'exited');
    this._revival = setTimeout(() => {
      this._change(state.plain('starting', 'starting'), { name: 'restarting', detail: { event: 'restarting' } });
      this._spawn();
    }, delay * 1000).unref();
  }

  /**
   * @param {Parameters<typeof state.failed>[0]} how
   * @param {string} name
   */
  _fail(how, name) {
    const known = state.failed(how);
    const failure = { ...known.status.failure, stderrTail: this._tail.join('\n') };
    const status = /** @type {import('../index').SidecarStatus} */ ({ ...known.status, failure });
    this._log(`[mediabridge] ${how.message} ${how.suggestion}`);
    this._change({ ...known, status }, { name, detail: { event: name, failure, status } });
  }

  /**
   * @param {Known} known
   * @param {Happening | null} happening
   */
  _change(known, happening) {
    this._known = known;
    this._tell(known, happening);
  }

  /**
   * Say a word to the supervisor.
   * @param {string} word
   */
  say(word) {
    this._supervisor?.say(word);
  }

  /**
   * Ask, wait, kill. Resolves when it is gone.
   * @returns {Promise<void>}
   */
  async stop() {
    if (this._revival) {
      clearTimeout(this._revival);
      this._revival = null;
    }
    const supervisor = this._supervisor;
    if (supervisor) {
      this._stopping = true;
      const { stopTimeoutMs } = this._settings;
      if (!(await supervisor.stop(stopTimeoutMs))) {
        this._log(`[mediabridge] the supervisor did not end within ${stopTimeoutMs / 1000} s and was killed`);
      }
    }
  }
}

/** @param {import('./supervisor').End} end */
function endWords({ code, signal, error }) {
  if (error) {
    return `could not be run (${wordsOf(error)})`;
  }
  return signal ? `was killed by ${signal}` : `ended by itself with exit code ${code}`;
}

/** @param {unknown} error */
function wordsOf(error) {
  return error instanceof Error ? error.message : String(error);
}

module.exports = { Supervised };
