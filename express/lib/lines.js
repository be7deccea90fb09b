'use strict';

const NEWLINE = 10;
const MAX_LINE = 4 * 1024 * 1024;

/**
 * Cuts a stream of bytes into lines. A character split between two parts stays whole; the last line needs no end; of a
 * line without end only the beginning is kept, so that memory stays bounded.
 */
class Lines {
  /**
   * @param {(line: string) => void} onLine without its end
   * @param {number} [most] bytes of a line that are kept
   */
  constructor(onLine, most = MAX_LINE) {
    this._onLine = onLine;
    this._most = most;
    /** @type {Buffer[]} */
    this._parts = [];
    this._size = 0;
  }

  /** @param {Buffer} chunk */
  feed(chunk) {
    let from = 0;
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this._keep(chunk.subarray(from, at));
      this._flush();
      from = at + 1;
    }
    this._keep(chunk.subarray(from));
  }

  /** The stream has ended. */
  end() {
    if (this._size > 0) {
      this._flush();
    }
  }

  /** @param {Buffer} part */
  _keep(part) {
    const left = this._most - this._size;
    if (part.length > 0 && left > 0) {
      this._parts.push(part.length > left ? part.subarray(0, left) : part);
      this._size += Math.min(part.length, left);
    }
  }

  _flush() {
    const line = Buffer.concat(this._parts).toString('utf8');
    this._parts = [];
    this._size = 0;
    this._onLine(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}

module.exports = { Lines };
