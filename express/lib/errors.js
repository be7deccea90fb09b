'use strict';

/**
 * The error that users catch.
 *
 * Error
 * └── SidecarError   the sidecar could not be started, or not stopped in order
 */
class SidecarError extends Error {
  /**
   * @param {import('../index').SidecarErrorCode} code
   * @param {string} message what happened
   * @param {{ suggestion: string, failure?: import('../index').SidecarFailure | null, cause?: unknown }} more
   */
  constructor(code, message, { suggestion, failure = null, cause }) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SidecarError';
    this.code = code;
    /** What to do next. */
    this.suggestion = suggestion;
    /** What the supervisor knows of it. */
    this.failure = failure;
  }
}

module.exports = { SidecarError };
