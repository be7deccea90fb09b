'use strict';

/** All options in one place: their defaults, the environment, and what is wrong with them. */

const { inspect } = require('node:util');
const { Routes } = require('./routes');
const { Trusted } = require('./trusted');

/** What the Python host proxies too, so far as it can be the host's own path only by accident. */
const DEFAULT_ROUTES = Object.freeze(['/api/extract', '/api/deepfake', '/health']);

const MIB = 1024 * 1024;
const FIRST_BYTE_MARGIN_S = 15; // past the extraction's own limit, so that its answer is the one that arrives

/**
 * How much and how long. Waiting times are checked every 50 ms, so they may last that much longer.
 * @typedef {object} Limits
 * @property {number | null} maxBodyBytes of a request's body, null for no limit
 * @property {number} connectMs to open a connection
 * @property {number} continueMs to wait for the upstream's 100 before the body is sent anyway
 * @property {number} firstByteMs from the end of the request to the response's head
 * @property {number} idleMs silence of the sidecar in the middle of a body, either way
 * @property {number} clientIdleMs silence of the client in the middle of its upload
 * @property {number} poolIdleMs age of an idle connection that may still be used; below the sidecar's 120 s
 * @property {number} poolSize idle connections kept for one sidecar
 */

/**
 * @typedef {object} ProxyOptions
 * @property {Routes} routes
 * @property {Limits} limits
 * @property {Trusted} trusted
 * @property {number} startWaitMs
 * @property {((event: import('../index').RequestEvent) => void) | undefined} onRequest
 * @property {(error: unknown) => void} onError
 * @property {(incoming: import('./request').Incoming) => Record<string, string> | undefined} headers
 */

/**
 * The proxy's options.
 * @param {import('../index').ProxyOptions} options
 * @param {NodeJS.ProcessEnv} env
 * @param {(line: string) => void} log
 * @returns {ProxyOptions}
 * @throws {TypeError} for a value that cannot be
 */
function proxyOptions(options, env, log) {
  const { headers } = options;
  return {
    routes: new Routes(options.routes ?? DEFAULT_ROUTES),
    limits: limitsOf(options, env, log),
    trusted: new Trusted(options.trusted ?? []),
    startWaitMs: duration('startWaitMs', options.startWaitMs ?? fromEnv(env, 'PROXY_START_WAIT', 0, log)),
    onRequest: options.onRequest,
    onError: (error) => log(`[mediabridge] ${inspect(error)}`),
    headers: typeof headers === 'function' ? headers : () => headers,
  };
}

/**
 * @param {import('../index').ProxyOptions} options
 * @param {NodeJS.ProcessEnv} env
 * @param {(line: string) => void} log
 * @returns {Limits}
 */
function limitsOf({ maxBodyBytes, timeouts = {}, poolSize = 128 }, env, log) {
  const most = maxBodyBytes === undefined ? fromEnv(env, 'EXTRACT_MAX_MB', 2048, log) * MIB : maxBodyBytes;
  const firstByte = (fromEnv(env, 'EXTRACT_TIMEOUT', 180, log) + FIRST_BYTE_MARGIN_S) * 1000;
  return {
    maxBodyBytes: most === null ? null : whole('maxBodyBytes', most),
    connectMs: duration('timeouts.connectMs', timeouts.connectMs ?? 5000),
    continueMs: duration('timeouts.continueMs', timeouts.continueMs ?? 1000),
    firstByteMs: duration('timeouts.firstByteMs', timeouts.firstByteMs ?? firstByte),
    idleMs: duration('timeouts.idleMs', timeouts.idleMs ?? 190_000),
    clientIdleMs: duration('timeouts.clientIdleMs', timeouts.clientIdleMs ?? 60_000),
    poolIdleMs: duration('timeouts.poolIdleMs', timeouts.poolIdleMs ?? 30_000),
    poolSize: whole('poolSize', poolSize),
  };
}

/**
 * A number from the environment. A bad one is told once, and the default taken (CONTRACT §2).
 * @param {NodeJS.ProcessEnv} env
 * @param {string} name
 * @param {number} otherwise
 * @param {(line: string) => void} log
 */
function fromEnv(env, name, otherwise, log) {
  const text = env[name];
  if (text === undefined || text === '') {
    return otherwise;
  }
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0) {
    return value;
  }
  log(`[mediabridge] ${name}: ${JSON.stringify(text)} is not a number; the default ${otherwise} is taken`);
  return otherwise;
}

/**
 * @param {string} name
 * @param {unknown} value
 */
function whole(name, value) {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new TypeError(`${name}: a whole number, 0 or more, is needed; it is ${inspect(value)}`);
  }
  return value;
}

/**
 * @param {string} name
 * @param {unknown} value in ms
 */
function duration(name, value) {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw new TypeError(`${name}: milliseconds, 0 or more, are needed; it is ${inspect(value)}`);
  }
  return value;
}

module.exports = { DEFAULT_ROUTES, duration, proxyOptions };
