'use strict';

/** What is known of the sidecar, as a function of what the supervisor says. Pure. */

const { Endpoint } = require('./endpoints');
const { UNAVAILABLE } = require('./words');

const TOKEN_HEADER = 'X-Mediabridge-Token';

/** @type {import('../index').SidecarStatus} */
const NOT_STARTED = Object.freeze({
  state: 'stopped', why: 'not_started', pid: null, startedAt: null, lastHealthCheckAt: null, restarts: 0,
  lastExit: null, rssBytes: null, retryAfterSeconds: null, failure: null, replicas: [],
});

/**
 * @typedef {object} Known
 * @property {import('../index').SidecarStatus} status
 * @property {readonly { endpoint: Endpoint, generation: unknown }[]} routes all that were announced
 * @property {readonly Endpoint[]} endpoints those that are ready
 */

/** @type {Known} */
const NOTHING = { status: NOT_STARTED, routes: [], endpoints: [] };

/**
 * After an event. One that is not understood changes nothing.
 * @param {Known} known
 * @param {Record<string, any>} event
 * @returns {Known}
 */
function after(known, event) {
  const status = isStatus(event.status) ? event.status : known.status;
  const routes = Array.isArray(event.routes) ? routesOf(event, known) : known.routes;
  return { status, routes, endpoints: readyOnes(routes, status) };
}

/**
 * @param {unknown} status
 * @returns {status is import('../index').SidecarStatus}
 */
function isStatus(status) {
  return typeof status === 'object' && status !== null && 'state' in status && 'why' in status;
}

/**
 * An endpoint that stays keeps its count of requests.
 * @param {Record<string, any>} event
 * @param {Known} known
 */
function routesOf(event, known) {
  return event.routes.map((/** @type {{ url: string, generation: unknown, token?: string }} */ route) => {
    const token = String(route.token ?? event.token);
    const before = known.routes.find((one) => one.endpoint.url === route.url);
    const stays = before?.endpoint.headers[TOKEN_HEADER] === token;
    const endpoint = before && stays ? before.endpoint : new Endpoint(route.url, { [TOKEN_HEADER]: token });
    return { endpoint, generation: route.generation };
  });
}

/**
 * Events between two `ready` tell of single replicas by their pid, which is the generation of a route.
 * @param {Known['routes']} routes
 * @param {import('../index').SidecarStatus} status
 */
function readyOnes(routes, status) {
  const all = routes.map((route) => route.endpoint);
  const ready = new Set(status.replicas.filter((one) => one.state === 'ready').map((one) => one.pid));
  const some = routes.filter((route) => ready.has(/** @type {number} */ (route.generation)));
  return some.length > 0 ? some.map((route) => route.endpoint) : all;
}

/**
 * The supervisor itself is gone, or could not be started.
 * @param {{ message: string, suggestion: string, kind: string, why: import('../index').WhyNotReady,
 *   retryAfterSeconds?: number | null }} how
 * @returns {Known}
 */
function failed({ kind, message, suggestion, why, retryAfterSeconds = null }) {
  const failure = {
    kind, error: UNAVAILABLE, message, suggestion, permanent: false, exit: null, stderrHead: '', stderrTail: '',
  };
  const state = retryAfterSeconds === null ? 'failed' : 'backoff';
  return { ...NOTHING, status: { ...NOT_STARTED, state, why, failure, retryAfterSeconds } };
}

/**
 * A state without a process.
 * @param {import('../index').SidecarState} state
 * @param {import('../index').WhyNotReady} why
 * @returns {Known}
 */
function plain(state, why) {
  return { ...NOTHING, status: { ...NOT_STARTED, state, why, retryAfterSeconds: state === 'starting' ? 1 : null } };
}

module.exports = { NOTHING, TOKEN_HEADER, after, failed, plain };
