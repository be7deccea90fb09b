'use strict';

/** Which paths are ours. Decided on the raw, undecoded path, so that no encoding leads into another prefix. */

// `.` and `..`, each dot plain or as %2e, between separators that some server behind us may take for one.
const DOT_SEGMENT = /(?:^|\/|\\|%2f|%5c)(?:\.|%2e){1,2}(?:$|\/|\\|%2f|%5c|;)/i;
const PREFIX = /^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/;
const ABSOLUTE_FORM = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#]*([^?#]*)/;

/** The prefixes that go to the sidecar. */
class Routes {
  /**
   * @param {readonly string[]} prefixes path prefixes; `'/'` means every path
   * @throws {TypeError} for one that is not a plain absolute path
   */
  constructor(prefixes) {
    for (const prefix of prefixes) {
      if (typeof prefix !== 'string' || !PREFIX.test(prefix) || hasDotSegment(prefix)) {
        throw new TypeError(`routes: not a plain absolute path: ${JSON.stringify(prefix)}`);
      }
    }
    const bare = [...new Set(prefixes.map((prefix) => prefix.replace(/\/+$/, '')))];
    /** Longest first, without a slash at the end. */
    this._bare = bare.sort((a, b) => b.length - a.length);
  }

  /** All of them, as `find` gives them. */
  get prefixes() {
    return this._bare.map((prefix) => prefix || '/');
  }

  /**
   * The longest prefix, on whole segments, that `path` (undecoded, without the query) lies under.
   * @param {string} path
   * @returns {string | null} null when it is not ours
   */
  find(path) {
    for (const prefix of this._bare) {
      if (path.startsWith(prefix) && (path.length === prefix.length || path.charCodeAt(prefix.length) === 47)) {
        return prefix || '/';
      }
    }
    return null;
  }
}

/**
 * Whether a server that decodes or normalises would step out of the prefix (RFC 3986 §5.2.4).
 * @param {string} path
 */
function hasDotSegment(path) {
  // The two cheap tests spare nearly every request the search.
  return (path.includes('.') || path.includes('%2')) && DOT_SEGMENT.test(path);
}

/**
 * A request target without its query.
 * @param {string} target
 */
function pathOf(target) {
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

/**
 * The path inside an absolute-form target (RFC 9112 §3.2.2), by which hosts route; null for any other form.
 * @param {string} target
 */
function pathOfAbsoluteForm(target) {
  const found = ABSOLUTE_FORM.exec(target);
  return found ? found[1] || '/' : null;
}

module.exports = { Routes, hasDotSegment, pathOf, pathOfAbsoluteForm };
