'use strict';

/**
 * A sidecar that somebody else runs: `mediabridge dev -- node server.js` puts SIDECAR_URL and SIDECAR_TOKEN into the
 * environment. Nothing is spawned; it counts as ready from the first health check that it answers.
 */

const http = require('node:http');
const { Endpoint } = require('./endpoints');
const state = require('./state');

// How often it is asked until it counts as failed, and afterwards.
const PACE = { tries: 20, everyMs: 500, laterMs: 2000 };
const ANSWER_MS = 2000;

class External {
  /**
   * @param {import('./settings').Settings & { url: string }} settings
   * @param {(known: import('./state').Known | null, happening: import('./supervised').Happening | null) => void} tell
   * @param {(line: string) => void} log
   * @param {typeof PACE} [pace]
   */
  constructor({ url, token }, tell, log, pace = PACE) {
    this._pace = pace;
    this._endpoint = new Endpoint(url, token ? { [state.TOKEN_HEADER]: token } : {});
    this._tell = tell;
    this._log = log;
    this._tries = 0;
    this._wanted = false;
    this._asking = false;
    /** @type {NodeJS.Timeout | null} */
    this._timer = null;
  }

  async start() {
    await this.stop();
    this._wanted = true;
    this._tries = 0;
    if (!this._asking) {
      this._tell(state.plain('starting', 'starting'), happening('starting'));
      this._ask();
    }
  }

  _ask() {
    this._asking = true;
    const options = { ...asRequest(this._endpoint.where), path: '/health', headers: this._endpoint.headers };
    const request = http.get({ ...options, agent: false, timeout: ANSWER_MS }, (response) => {
      response.resume();
      this._answered(response.statusCode === 200 ? null : `it answered with status ${response.statusCode}`);
    });
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error) => this._answered(error.message));
  }

  /** @param {string | null} problem */
  _answered(problem) {
    this._asking = false;
    if (!this._wanted) {
      return;
    }
    if (problem === null) {
      const status = { ...state.NOTHING.status, state: /** @type {const} */ ('ready'), why: null };
      this._tell({ status, routes: [], endpoints: [this._endpoint] }, happening('ready'));
      return;
    }
    const { everyMs, laterMs, tries } = this._pace;
    this._tries += 1;
    if (this._tries === tries) {
      this._fail(problem);
    }
    const over = this._tries >= tries;
    this._timer = setTimeout(() => this._ask(), over ? laterMs : everyMs);
    if (over) {
      this._timer.unref(); // start() has rejected: nobody waits any more
    }
  }

  /** @param {string} problem */
  _fail(problem) {
    const message = `The sidecar at ${this._endpoint} did not answer its health check (${problem}).`;
    const suggestion = 'Check SIDECAR_URL and SIDECAR_TOKEN, or leave them out to have a sidecar started.';
    this._log(`[mediabridge] ${message} ${suggestion}`);
    this._tell(state.failed({ kind: 'health_timeout', message, suggestion, why: 'start_failed' }), happening('failed'));
  }

  say() {
    // Whoever runs it listens to somebody else.
  }

  async stop() {
    this._wanted = false;
    if (this._timer) {
      clearTimeout(this._timer);
      this._timer = null;
      this._asking = false;
    }
  }
}

/** @param {Endpoint['where']} where */
function asRequest(where) {
  return where.path === undefined ? where : { socketPath: where.path };
}

/** @param {string} name */
function happening(name) {
  return { name, detail: { event: name } };
}

module.exports = { External };
