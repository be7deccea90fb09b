'use strict';

/** Who is waited for, and for how long. */

const { Fault } = require('./faults');

/**
 * The fault of a request that has stood still too long.
 * @param {{ readingPaused: boolean, requestDone: boolean, writingPaused: boolean }} conn
 * @param {{ answering: boolean, stillMs: number }} now `answering`: the response has begun
 * @param {{ clientIdleMs: number, firstByteMs: number, idleMs: number }} limits
 * @returns {Fault | null} null while there is time
 */
function overdue(conn, { answering, stillMs }, { clientIdleMs, firstByteMs, idleMs }) {
  if (conn.readingPaused) {
    return null; // the client takes its time
  }
  if (answering) {
    return stillMs < idleMs ? null : new Fault('tooSlow', `The answer did not go on for ${seconds(idleMs)}`);
  }
  if (conn.requestDone) {
    return stillMs < firstByteMs ? null : new Fault('tooSlow', `No answer within ${seconds(firstByteMs)}`);
  }
  if (conn.writingPaused) {
    return stillMs < idleMs ? null : new Fault('tooSlow', `The upload was not taken for ${seconds(idleMs)}`);
  }
  const words = `The request body did not go on for ${seconds(clientIdleMs)}`;
  return stillMs < clientIdleMs ? null : new Fault('clientTooSlow', words);
}

/** @param {number} ms */
function seconds(ms) {
  return `${ms / 1000} s`;
}

module.exports = { overdue, seconds };
