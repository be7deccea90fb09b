'use strict';

/**
 * Doubles for tests. `createFakeSidecar` behaves as a sidecar without any Python: it is ready, or away with the words
 * that it is given, when the test says so.
 */

const { EventEmitter } = require('node:events');
const { inspect } = require('node:util');
const { attach } = require('./attach');
const { Endpoint } = require('./endpoints');
const { proxyOptions } = require('./options');
const { Proxy } = require('./proxy');
const { TOKEN_HEADER, plain, NOTHING } = require('./state');
const { unavailable } = require('./words');

class FakeSidecar extends EventEmitter {
  /** @param {import('../testing').FakeSidecarOptions} options */
  constructor(options) {
    super();
    /** @type {unknown[]} what the proxy would have written to the log */
    this.problems = [];
    this._known = plain('starting', 'starting');
    this._proxy = new Proxy(this, proxyOptions(options, {}, (line) => this.problems.push(line)));
  }

  /**
   * From now on requests go there.
   * @param {string | readonly string[]} urls `http://host:port`, or `unix:path`; several are replicas
   * @param {string} [token]
   */
  beReady(urls, token) {
    /** @type {Record<string, string>} */
    const headers = token === undefined ? {} : { [TOKEN_HEADER]: token };
    const endpoints = [urls].flat().map((url) => new Endpoint(url, headers));
    const status = { ...NOTHING.status, state: /** @type {const} */ ('ready'), why: null };
    this._known = { status, routes: [], endpoints };
    this.emit('ready', { event: 'ready', status });
    this.emit('change');
  }

  /**
   * From now on requests get 503.
   * @param {Partial<import('../index').SidecarStatus>} [status]
   */
  beAway(status = {}) {
    this._known = { ...NOTHING, status: { ...plain('failed', 'exited').status, ...status } };
    this.emit('change');
  }

  async start() {
    return this;
  }

  async stop() {
    this._known = plain('stopped', 'stopped');
    this._proxy.close();
    this.emit('change');
  }

  reload() {}

  status() {
    return this._known.status;
  }

  get isReady() {
    return this._known.status.state === 'ready';
  }

  get url() {
    return this.isReady ? (this._known.endpoints[0]?.url ?? null) : null;
  }

  middleware() {
    return (/** @type {any} */ req, /** @type {any} */ res, /** @type {any} */ next) => {
      this._proxy.handle(req, res, next);
    };
  }

  /** @param {(req: any, res: any) => unknown} [app] */
  handler(app) {
    return (/** @type {any} */ req, /** @type {any} */ res) => {
      this._proxy.handle(req, res, () => (app ? void app(req, res) : this._proxy.notFound(req, res)));
    };
  }

  /** @param {import('node:http').Server} server */
  attach(server) {
    return attach(server, this._proxy);
  }

  /** @param {EventEmitter} server */
  stopWithServer(server) {
    const onClose = () => void this.stop().catch((error) => this.problems.push(inspect(error)));
    server.on('close', onClose);
    return () => void server.off('close', onClose);
  }

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
    return this._known.status.state === 'starting';
  }

  /**
   * @param {number} timeoutMs
   * @returns {Promise<void>}
   */
  settled(timeoutMs) {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.off('change', end);
        resolve();
      };
      const timer = setTimeout(end, timeoutMs);
      this.on('change', end);
    });
  }
}

/** @param {import('../testing').FakeSidecarOptions} [options] */
function createFakeSidecar(options = {}) {
  return new FakeSidecar(options);
}

module.exports = { createFakeSidecar };
