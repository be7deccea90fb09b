'use strict';

/** The proxy as a middleware. Early exits come first; the long way is `Exchange`. */

const { performance } = require('node:perf_hooks');
const answers = require('./answers');
const { Balance } = require('./endpoints');
const { Exchange } = require('./exchange');
const { bodyTooLarge } = require('./faults');
const { Metrics } = require('./metrics');
const { Pool } = require('./pool');
const { Pulse } = require('./pulse');
const { Request } = require('./request');
const { pathOf, pathOfAbsoluteForm } = require('./routes');
const { settle } = require('./shape');

/**
 * What the proxy asks of whoever knows the sidecar. All but `settled` are asked for every request: they must be cheap.
 * @typedef {object} Upstream
 * @property {() => import('./words').Unavailable | null} whyNotReady null means ready
 * @property {() => readonly import('./endpoints').Endpoint[]} endpoints asked only when it is ready
 * @property {() => boolean} isStarting whether waiting may help
 * @property {(timeoutMs: number) => Promise<void>} settled resolves when it is ready, will not be, or the time is over
 */

/** @typedef {import('./request').Incoming} Incoming */
/** @typedef {import('./reply').Outgoing} Outgoing */

const clock = () => performance.now();

class Proxy {
  /**
   * @param {Upstream} upstream
   * @param {import('./options').ProxyOptions} options
   */
  constructor(upstream, options) {
    this._routes = options.routes;
    this._startWaitMs = options.startWaitMs;
    this._onRequest = options.onRequest;
    this._metrics = new Metrics(options.routes.prefixes);
    /** @type {import('./exchange').Desk} */
    this._desk = {
      upstream,
      pool: new Pool(options.limits, clock),
      balance: new Balance(),
      pulse: new Pulse(clock),
      trusted: options.trusted,
      limits: options.limits,
      headers: options.headers,
      onError: options.onError,
      clock,
    };
  }

  /**
   * Whether a request target is ours; in absolute-form as well, which is refused.
   * @param {string} target
   */
  routeOf(target) {
    const path = target.startsWith('/') ? pathOf(target) : pathOfAbsoluteForm(target);
    return path === null ? null : this._routes.find(path);
  }

  /**
   * Proxy what is ours, pass on the rest.
   * @param {Incoming} incoming
   * @param {Outgoing} res
   * @param {() => void} next
   */
  handle(incoming, res, next) {
    const target = incoming.originalUrl ?? incoming.url ?? '';
    const route = this.routeOf(target);
    if (route === null) {
      next();
    } else {
      settle(incoming, res);
      this._serve(this._exchange(incoming, res, target, route));
    }
  }

  /**
   * The answer where there is no host to pass it on to.
   * @param {Incoming} incoming
   * @param {Outgoing} res
   */
  notFound(incoming, res) {
    this._exchange(incoming, res, incoming.url ?? '', '').refuse(answers.NOT_FOUND, 'ok');
  }

  /** What was counted of all requests so far, for Prometheus. */
  metrics() {
    return this._metrics.text();
  }

  /** Close the idle connections. A later request opens new ones. */
  close() {
    this._desk.pool.close();
  }

  /**
   * @param {Incoming} incoming
   * @param {Outgoing} res
   * @param {string} target
   * @param {string} route
   */
  _exchange(incoming, res, target, route) {
    const request = new Request(incoming, target, pathOf(target));
    this._metrics.began(route);
    return new Exchange(this._desk, request, res, (exchange) => this._report(exchange, route));
  }

  /** @param {Exchange} exchange */
  async _serve(exchange) {
    try {
      const { upstream } = this._desk;
      if (this._startWaitMs > 0 && upstream.isStarting()) {
        await upstream.settled(this._startWaitMs);
      }
      this._begin(exchange, upstream.whyNotReady());
    } catch (error) {
      exchange.onCrash(error);
    }
  }

  /**
   * @param {Exchange} exchange
   * @param {import('./words').Unavailable | null} why
   */
  _begin(exchange, why) {
    if (exchange.over) {
      return; // the client has left while it waited
    }
    if (why) {
      exchange.refuse(answers.notReady(why), 'not_ready');
      return;
    }
    const fault = this._problem(exchange.request);
    if (fault) {
      exchange.fail(fault);
    } else {
      exchange.run();
    }
  }

  /**
   * Why a request must not be forwarded, before anything of its body is read.
   * @param {Request} request
   */
  _problem(request) {
    const { maxBodyBytes } = this._desk.limits;
    if (maxBodyBytes !== null && request.length !== null && request.length > maxBodyBytes) {
      return request.problem() ?? bodyTooLarge(maxBodyBytes);
    }
    return request.problem() ?? request.bodyProblem();
  }

  /**
   * @param {Exchange} exchange
   * @param {string} route
   */
  _report(exchange, route) {
    const event = eventOf(exchange, route);
    this._metrics.ended(event);
    try {
      this._onRequest?.(event);
    } catch (error) {
      this._desk.onError(error); // a listener's fault must not end the host
    }
  }
}

/**
 * @param {Exchange} exchange
 * @param {string} route
 * @returns {import('../index').RequestEvent}
 */
function eventOf(exchange, route) {
  const { firstByteAt, outcome, request, startedAt } = exchange;
  return {
    method: request.method,
    path: request.path,
    route,
    status: outcome === 'client_gone' ? 499 : (exchange.status ?? 500),
    outcome,
    aborted: exchange.aborted,
    bytesIn: exchange.bytesIn,
    bytesOut: exchange.bytesOut,
    firstByteMs: firstByteAt === null ? null : firstByteAt - startedAt,
    totalMs: clock() - startedAt,
    requestId: request.requestId,
    message: exchange.message,
  };
}

module.exports = { Proxy };
