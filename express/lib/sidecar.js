'use strict';

/** `createSidecar`: the public face. A supervised sidecar, and the proxy to it. */

const { EventEmitter } = require('node:events');
const { inspect } = require('node:util');
const { attach } = require('./attach');
const { SidecarError } = require('./errors');
const { External } = require('./external');
const { proxyOptions } = require('./options');
const { Proxy } = require('./proxy');
const { settingsOf } = require('./settings');
const { NOTHING, plain } = require('./state');
const { Supervised } = require('./supervised');
const { unavailable } = require('./words');

// 'stopped' is ours: the supervisor tells it of each replica.
const EVENTS = new Set(['starting', 'ready', 'unhealthy', 'exited', 'restarting', 'failed', 'stopping']);
const WAITING = new Set(['not_started', 'starting', 'restarting']);

/** @typedef {import('./proxy').Upstream} Upstream */

/** @implements {Upstream} */
class Sidecar extends EventEmitter {
  /**
   * @param {import('../index').SidecarOptions} options
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(options, env) {
    super();
    const { onLog } = options;
    this._log = (/** @type {string} */ line) => this._logLine(line, onLog);
    const settings = settingsOf(options, env);
    const tell = this._change.bind(this);
    this._source =
      settings.url === null
        ? new Supervised(settings, tell, this._log)
        : new External({ ...settings, url: settings.url }, tell, this._log);
    this._proxy = new Proxy(this, proxyOptions(options, settings.env, this._log));
    /** @type {import('./state').Known} */
    this._known = NOTHING;
    /** @type {Set<() => void>} called at every change */
    this._watchers = new Set();
    /** @type {Promise<this> | null} */
    this._starting = null;
    /** @type {Promise<void> | null} */
    this._stopping = null;
  }

  // Life

  /**
   * Start the sidecar. Resolves when it is ready; rejects with a `SidecarError` when it does not become ready. The
   * middleware goes on answering 503 with the same words.
   */
  start() {
    this._starting ??= this._start().finally(() => (this._starting = null));
    return this._starting;
  }

  async _start() {
    await this._stopping;
    await this._until(() => !isEnding(this._known.status)); // or the end of the last run would answer this start
    const started = this.isReady ? Promise.resolve() : this._source.start();
    await started;
    await this._until(() => ['ready', 'failed', 'stopped'].includes(this._known.status.state));
    if (!this.isReady) {
      throw this._error();
    }
    return this;
  }

  _error() {
    const { failure, state } = this._known.status;
    const words = unavailable(this._known.status);
    const code = failure?.kind === 'command_not_found' ? 'command_not_found' : 'start_failed';
    return new SidecarError(state === 'stopped' ? 'stopped' : code, words.message, {
      suggestion: words.suggestion,
      failure,
    });
  }

  /** End the sidecar with all that it has started: ask, wait, kill. Resolves when it is gone. */
  stop() {
    this._stopping ??= this._stop().finally(() => (this._stopping = null));
    return this._stopping;
  }

  async _stop() {
    if (this._known.status.state !== 'stopped') {
      this._change(plain('stopping', 'stopping'), null);
    }
    await this._source.stop();
    this._proxy.close();
    if (this._known.status.why !== 'not_started' && this._known.status.why !== 'stopped') {
      this._change(plain('stopped', 'stopped'), null);
      this._emit('stopped', { event: 'stopped' });
    }
  }

  /** Replace the sidecar's process by a new one without losing a request; events tell how it goes. */
  reload() {
    this._source.say('reload');
  }

  /**
   * Stop the sidecar when the server has closed. Gives back how to undo it.
   * @param {import('node:events').EventEmitter} server
   */
  stopWithServer(server) {
    const onClose = () => {
      this.stop().catch((error) => this._log(`[mediabridge] ${inspect(error)}`));
    };
    server.on('close', onClose);
    return () => {
      server.off('close', onClose);
    };
  }

  // What is known

  /** The newest snapshot: what `GET /api/bridge/status` of the Python host answers. */
  status() {
    return this._known.status;
  }

  get isReady() {
    return this._known.status.state === 'ready';
  }

  /** Where the first ready sidecar listens, null while there is none. */
  get url() {
    return this.isReady ? (this._known.endpoints[0]?.url ?? null) : null;
  }

  // The proxy

  /** For `app.use()`: proxies what is the sidecar's, passes on the rest. */
  middleware() {
    return (/** @type {any} */ req, /** @type {any} */ res, /** @type {any} */ next) => {
      this._proxy.handle(req, res, next);
    };
  }

  /**
   * For `http.createServer()`: what is the sidecar's goes to it past the application, the rest to the application.
   * @param {(req: any, res: any) => unknown} [app] without one, the rest is a JSON 404
   */
  handler(app) {
    return (/** @type {any} */ req, /** @type {any} */ res) => {
      this._proxy.handle(req, res, () => (app ? void app(req, res) : this._proxy.notFound(req, res)));
    };
  }

  /**
   * Install on a server what a middleware cannot do: `Expect: 100-continue` end to end, and JSON for requests that Node
   * cannot read. Gives back how to undo it.
   * @param {import('node:http').Server} server
   */
  attach(server) {
    return attach(server, this._proxy);
  }

  /** What was counted of the proxied requests, in the text format of Prometheus. */
  metrics() {
    return this._proxy.metrics();
  }

  // What the proxy asks

  whyNotReady() {
    return this.isReady ? null : unavailable(this._known.status);
  }

  endpoints() {
    return this._known.endpoints;
  }

  isStarting() {
    return WAITING.has(this._known.status.why ?? '');
  }

  /** @param {number} timeoutMs */
  settled(timeoutMs) {
    return this._until(() => !this.isStarting(), timeoutMs);
  }

  // Inside

  /**
   * @param {() => boolean} isSo asked at every change
   * @param {number} [timeoutMs]
   * @returns {Promise<void>}
   */
  _until(isSo, timeoutMs) {
    if (isSo()) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this._watchers.delete(look);
        resolve();
      };
      const look = () => isSo() && end();
      const timer = timeoutMs === undefined ? undefined : setTimeout(end, timeoutMs);
      this._watchers.add(look);
    });
  }

  /**
   * @param {import('./state').Known | null} known null for no change
   * @param {import('./supervised').Happening | null} happening
   */
  _change(known, happening) {
    this._known = known ?? this._known;
    if (happening) {
      this._emit('event', happening.detail);
      if (EVENTS.has(happening.name)) {
        this._emit(happening.name, happening.detail);
      }
    }
    for (const look of [...this._watchers]) {
      look();
    }
  }

  /**
   * A listener's fault must not end the supervision.
   * @param {string} name
   * @param {unknown} detail
   */
  _emit(name, detail) {
    try {
      this.emit(name, detail);
    } catch (error) {
      this._log(`[mediabridge] a listener failed on ${name}: ${inspect(error)}`);
    }
  }

  /**
   * @param {string} line
   * @param {((line: string) => void) | undefined} onLog
   */
  _logLine(line, onLog) {
    if (onLog) {
      onLog(line);
    } else {
      process.stderr.write(`${line}\n`);
    }
    this.emit('log', line);
  }
}

if (typeof Symbol.asyncDispose === 'symbol') {
  // For `await using` (Node 18.18 and newer).
  Object.defineProperty(Sidecar.prototype, Symbol.asyncDispose, {
    value: function dispose() {
      return this.stop();
    },
  });
}

/** @param {import('../index').SidecarOptions} [options] */
function createSidecar(options = {}) {
  return new Sidecar(options, process.env);
}

/**
 * Whether a sidecar has ended and will not be started again, but what it left behind is still being cleared.
 * @param {import('../index').SidecarStatus} status
 */
function isEnding({ state, why }) {
  return state === 'stopping' && ['exited', 'start_failed', 'gave_up'].includes(why ?? '');
}

module.exports = { Sidecar, createSidecar };
