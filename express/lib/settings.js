'use strict';

const { inspect } = require('node:util');
const { duration } = require('./options');

const STOP_MARGIN_MS = 7000; // past the supervisor's own patience with the sidecar (FLASK_SHUTDOWN_TIMEOUT)

/**
 * How the sidecar is run.
 * @typedef {object} Settings
 * @property {string | readonly string[] | undefined} command
 * @property {readonly string[]} args of the command, `supervise` first
 * @property {NodeJS.ProcessEnv} env all of the child's environment
 * @property {string} cwd
 * @property {boolean} restarts the supervisor too, when it dies
 * @property {number} stopTimeoutMs
 * @property {string | null} url of a sidecar that somebody else runs
 * @property {string | null} token
 */

/**
 * @param {import('../index').SidecarOptions} options
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Settings}
 * @throws {TypeError} for a value that cannot be
 */
function settingsOf(options, environment) {
  const env = { ...environment, ...options.env };
  const shutdown = Number(env.FLASK_SHUTDOWN_TIMEOUT || 5000);
  const stopDefault = (shutdown >= 0 ? shutdown : 5000) + STOP_MARGIN_MS;
  const isElsewhere = options.url !== undefined || (options.command === undefined && Boolean(env.SIDECAR_URL));
  return {
    command: options.command,
    args: ['supervise', ...port(options.port, env), ...strings('args', options.args ?? [])],
    env,
    cwd: options.cwd ?? process.cwd(),
    restarts: restarts(env),
    stopTimeoutMs: duration('stopTimeoutMs', options.stopTimeoutMs ?? stopDefault),
    url: isElsewhere ? (options.url ?? env.SIDECAR_URL ?? null) : null,
    token: options.token ?? env.SIDECAR_TOKEN ?? null,
  };
}

/**
 * Any free port, unless somebody has chosen one: two applications on a machine must not collide on a port that nobody
 * needs to know.
 * @param {number | undefined} chosen
 * @param {NodeJS.ProcessEnv} env
 */
function port(chosen, env) {
  if (chosen === undefined && (env.FLASK_PORT || env.FLASK_SOCKET)) {
    return [];
  }
  const number = chosen ?? 0;
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    throw new TypeError(`port: 0 to 65535 is needed; it is ${inspect(chosen)}`);
  }
  return ['--sidecar-port', String(number)];
}

/**
 * The policy of CONTRACT §2 for the sidecar holds for its supervisor too.
 * @param {NodeJS.ProcessEnv} env
 */
function restarts(env) {
  const policy = env.SIDECAR_RESTART || (env.NODE_ENV === 'production' ? 'on-failure' : 'never');
  return policy !== 'never';
}

/**
 * @param {string} name
 * @param {readonly unknown[]} values
 * @returns {string[]}
 */
function strings(name, values) {
  if (!Array.isArray(values) || values.some((value) => typeof value !== 'string')) {
    throw new TypeError(`${name}: an array of strings is needed; it is ${inspect(values)}`);
  }
  return values;
}

module.exports = { settingsOf };
