'use strict';

/** Why the sidecar is not ready, in a person's words: the same as the Python host's (`mediabridge.host.upstream`). */

const UNAVAILABLE = 'Flask server unavailable';

// What is said when no failure has better words: message and suggestion.
/** @type {Record<string, [string, string]>} */
const WORDS = {
  not_started: ['The sidecar has not been started.', 'Start it, or wait: the host may be starting it.'],
  starting: ['The sidecar is starting.', 'Try again in a moment.'],
  restarting: ['The sidecar ended and is being started again.', 'Try again in a moment.'],
  stopping: ['The sidecar is being stopped.', 'Start mediabridge again.'],
  stopped: ['The sidecar has been stopped.', 'Start mediabridge again.'],
  unhealthy: ['The sidecar runs but does not answer its health checks.', 'Try again in a moment.'],
  start_failed: ['The sidecar could not be started.', 'Run: mediabridge doctor'],
  exited: ['The sidecar has ended.', 'Start mediabridge again, or set SIDECAR_RESTART=on-failure.'],
  gave_up: ['The sidecar failed again and again.', 'Read its last lines in the log.'],
};

/**
 * @typedef {object} Unavailable
 * @property {string} error
 * @property {string} message
 * @property {string} suggestion
 * @property {number | null} retryAfterSeconds
 * @property {Record<string, unknown>} details
 */

/**
 * The words of CONTRACT §3 for a status that is not ready.
 * @param {import('../index').SidecarStatus} status
 * @returns {Unavailable}
 */
function unavailable(status) {
  const why = status.why ?? 'not_started';
  const { failure } = status;
  let [message, suggestion] = WORDS[why] ?? WORDS.not_started;
  if (failure && why === 'restarting') {
    message = `${failure.message} ${message}`;
  } else if (failure && why === 'exited') {
    message = failure.message;
    suggestion = `${suggestion} ${failure.suggestion}`;
  } else if (failure) {
    ({ message, suggestion } = failure);
  }
  return {
    error: failure ? failure.error : UNAVAILABLE,
    message,
    suggestion,
    retryAfterSeconds: status.retryAfterSeconds,
    details: { state: status.state, why },
  };
}

module.exports = { UNAVAILABLE, WORDS, unavailable };
