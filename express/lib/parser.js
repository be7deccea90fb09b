'use strict';

/**
 * Reads responses of HTTP/1.x (RFC 9112) from bytes as they come. No I/O.
 *
 * Node's own client costs twice as much per request as the whole rest of this proxy, and its parser cannot be had
 * alone. This one reads only responses, and only of our own sidecar, so it can be short and strict: whatever two
 * programs may read differently is refused.
 */

const { TOKEN, VALUE } = require('./headers');

const MAX_HEAD = 256 * 1024;
const MAX_SIZE_LINE = 4096;
const STATUS_LINE = /^HTTP\/(1\.[01]) ([0-9]{3})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const BEGINNING = 'HTTP/1.';
const LENGTH = /^[0-9]{1,16}$/;
const CHUNK_SIZE = /^([0-9A-Fa-f]{1,12})(?:;[!#$%&'*+.^_`|~0-9A-Za-z=;"-]*)?$/;
const BARE_LINE_FEED = /(?:^|[^\r])\n/;
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const END_OF_LINE = Buffer.from('\r\n');
const NOTHING = Buffer.alloc(0);

const HEAD = 0;
const LENGTH_BODY = 1;
const CHUNK_HEAD = 2;
const CHUNK_BODY = 3;
const CHUNK_END = 4;
const TRAILERS = 5;
const UNTIL_CLOSE = 6;
const DONE = 7;

/**
 * `length`: Content-Length, null without one.
 * @typedef {{ status: number, reason: string, httpVersion: string, headers: string[], chunked: boolean,
 *   length: number | null }} ResponseHead
 */

/**
 * Gets the parts. `last` of a body tells that no other follows.
 * @typedef {object} Sink
 * @property {(status: number, headers: string[]) => void} onInformational
 * @property {(head: ResponseHead) => void} onHead
 * @property {(chunk: Buffer, last: boolean) => void} onBody
 */

/** Bytes that are no response, or one that cannot be trusted. The text ends "The answer cannot be used: …". */
class ParseError extends Error {}

class ResponseParser {
  /** @param {Sink} sink */
  constructor(sink) {
    this._sink = sink;
    this._state = DONE; // between exchanges: whatever arrives now is stray
    this._headOnly = false;
    this._left = 0;
    /** @type {Buffer} */
    this._held = NOTHING;
    /** The connection may carry another exchange (RFC 9112 §9.3). */
    this.keepAlive = false;
    /** Bytes came that belong to no response. */
    this.stray = false;
    /** @type {string[]} */
    this.trailers = [];
  }

  /**
   * Expect one response. `headOnly`: to HEAD, so that it has no body (RFC 9110 §9.3.2).
   * @param {{ headOnly: boolean }} request
   */
  begin({ headOnly }) {
    this._state = HEAD;
    this._headOnly = headOnly;
    this._held = NOTHING;
    this.keepAlive = false;
    this.stray = false;
    this.trailers = [];
  }

  get complete() {
    return this._state === DONE;
  }

  /** The final response's head has come. */
  get begun() {
    return this._state !== HEAD;
  }

  /**
   * Take what has come. Throws `ParseError`; the parser is of no use after that.
   * @param {Buffer} chunk
   */
  execute(chunk) {
    let rest = chunk;
    while (rest.length > 0 && this._state !== DONE) {
      rest = this._step(rest);
    }
    if (rest.length > 0) {
      this.stray = true;
    }
  }

  /** The connection has ended in order: the end of a body that has no other end (RFC 9112 §6.3, rule 8). */
  end() {
    if (this._state === UNTIL_CLOSE) {
      this._state = DONE;
    }
  }

  /**
   * Reads one part, and gives back what is behind it.
   * @param {Buffer} rest
   * @returns {Buffer}
   */
  _step(rest) {
    switch (this._state) {
      case HEAD:
        return this._head(rest);
      case LENGTH_BODY:
      case CHUNK_BODY:
        return this._body(rest);
      case CHUNK_HEAD:
        return this._chunkHead(rest);
      case CHUNK_END:
        return this._chunkEnd(rest);
      case TRAILERS:
        return this._trailers(rest);
      default:
        this._sink.onBody(rest, false);
        return NOTHING;
    }
  }

  /** @param {Buffer} rest */
  _head(rest) {
    const data = this._joined(rest);
    const end = data.indexOf(END_OF_HEAD);
    if (end < 0) {
      return this._holdHead(data);
    }
    if (end > MAX_HEAD) {
      throw new ParseError('its header is too large');
    }
    this._readHead(data.toString('latin1', 0, end));
    return data.subarray(end + END_OF_HEAD.length);
  }

  /**
   * Not a whole head yet. What can never become one is refused now: nobody should wait for the rest of it.
   * @param {Buffer} data
   */
  _holdHead(data) {
    const begun = data.toString('latin1', 0, BEGINNING.length);
    if (begun !== BEGINNING.slice(0, begun.length) || BARE_LINE_FEED.test(data.toString('latin1'))) {
      throw new ParseError('it is not valid HTTP');
    }
    if (data.length > MAX_HEAD) {
      throw new ParseError('its header is too large');
    }
    return this._hold(data);
  }

  /** @param {string} text */
  _readHead(text) {
    const lines = text.split('\r\n');
    const start = STATUS_LINE.exec(lines[0]);
    if (!start) {
      throw new ParseError('it is not valid HTTP');
    }
    const [, httpVersion, digits, reason = ''] = start;
    const status = Number(digits);
    const headers = fieldsOf(lines, 1);
    if (status >= 200 && status <= 599) {
      this._final({ status, reason, httpVersion, headers, chunked: false, length: null });
    } else if (status === 100 || status === 102 || status === 103) {
      this._sink.onInformational(status, headers);
    } else {
      throw new ParseError(`the status ${status} means nothing here`);
    }
  }

  /** @param {ResponseHead} head */
  _final(head) {
    const { codings, lengths, options } = framingOf(head.headers);
    head.chunked = checkCodings(codings, lengths, head.httpVersion);
    const length = checkLength(lengths);
    head.length = length;
    this.keepAlive = head.httpVersion === '1.1' ? !options.includes('close') : options.includes('keep-alive');
    const bodiless = this._headOnly || head.status === 204 || head.status === 304;
    if (bodiless || length === 0) {
      this._state = DONE;
    } else if (head.chunked) {
      this._state = CHUNK_HEAD;
    } else if (length === null) {
      this._state = UNTIL_CLOSE;
      this.keepAlive = false;
    } else {
      this._state = LENGTH_BODY;
      this._left = length;
    }
    this._sink.onHead(head);
  }

  /** @param {Buffer} rest */
  _body(rest) {
    const chunk = rest.length > this._left ? rest.subarray(0, this._left) : rest;
    this._left -= chunk.length;
    const plain = this._state === LENGTH_BODY;
    if (this._left === 0) {
      this._state = plain ? DONE : CHUNK_END;
    }
    this._sink.onBody(chunk, plain && this._left === 0);
    return rest.subarray(chunk.length);
  }

  /** @param {Buffer} rest */
  _chunkHead(rest) {
    const data = this._joined(rest);
    const end = data.indexOf(END_OF_LINE);
    if (end > MAX_SIZE_LINE || (end < 0 && data.length > MAX_SIZE_LINE)) {
      throw new ParseError('the line of a chunk is too long');
    }
    if (end < 0) {
      return this._holdLine(data);
    }
    const size = CHUNK_SIZE.exec(data.toString('latin1', 0, end));
    if (!size) {
      throw new ParseError('the size of a chunk is not a number');
    }
    this._left = Number.parseInt(size[1], 16);
    this._state = this._left === 0 ? TRAILERS : CHUNK_BODY;
    return data.subarray(end + END_OF_LINE.length);
  }

  /** @param {Buffer} rest */
  _chunkEnd(rest) {
    const data = this._joined(rest);
    if (data[0] !== 13 || (data.length > 1 && data[1] !== 10)) {
      throw new ParseError('a chunk is longer than it says');
    }
    if (data.length < END_OF_LINE.length) {
      return this._hold(data);
    }
    this._state = CHUNK_HEAD;
    return data.subarray(END_OF_LINE.length);
  }

  /** @param {Buffer} rest */
  _trailers(rest) {
    const data = this._joined(rest);
    const none = data.length > 1 && data[0] === 13 && data[1] === 10;
    const end = none ? 0 : data.indexOf(END_OF_HEAD);
    if (end < 0 && data.length > MAX_HEAD) {
      throw new ParseError('its trailers are too large');
    }
    if (end < 0) {
      return this._holdLine(data);
    }
    this.trailers = none ? [] : fieldsOf(data.toString('latin1', 0, end).split('\r\n'), 0);
    this._state = DONE;
    return data.subarray(end + (none ? END_OF_LINE.length : END_OF_HEAD.length));
  }

  /**
   * What was held back, and what has come now.
   * @param {Buffer} rest
   */
  _joined(rest) {
    const data = this._held.length > 0 ? Buffer.concat([this._held, rest]) : rest;
    this._held = NOTHING;
    return data;
  }

  /**
   * Lines that are not whole yet. A bare line feed ends none: nobody should wait for more behind it.
   * @param {Buffer} data
   */
  _holdLine(data) {
    if (data.includes(10) && BARE_LINE_FEED.test(data.toString('latin1'))) {
      throw new ParseError('a line of it ends in a bare line feed');
    }
    return this._hold(data);
  }

  /** @param {Buffer} data lent, so that it is copied */
  _hold(data) {
    this._held = Buffer.from(data);
    return NOTHING;
  }
}

/**
 * Header lines as a flat array. Refuses what has no name, folded lines, and control characters.
 * @param {readonly string[]} lines
 * @param {number} from
 */
function fieldsOf(lines, from) {
  const fields = [];
  for (let at = from; at < lines.length; at++) {
    const colon = lines[at].indexOf(':');
    const name = lines[at].slice(0, Math.max(0, colon));
    const value = trimmed(lines[at], colon + 1);
    if (!TOKEN.test(name) || !VALUE.test(value)) {
      throw new ParseError('a header of it is not valid');
    }
    fields.push(name, value);
  }
  return fields;
}

/**
 * The text from there, without the white space around it (RFC 9112 §5.1). No regular expression: those that trim at
 * the end take quadratic time on spaces in the middle.
 * @param {string} line
 * @param {number} from
 */
function trimmed(line, from) {
  let start = from;
  let end = line.length;
  while (start < end && isBlank(line.charCodeAt(start))) {
    start++;
  }
  while (end > start && isBlank(line.charCodeAt(end - 1))) {
    end--;
  }
  return line.slice(start, end);
}

/** @param {number} code */
function isBlank(code) {
  return code === 32 || code === 9;
}

/** @param {readonly string[]} headers */
function framingOf(headers) {
  const found = { codings: /** @type {string[]} */ ([]), lengths: /** @type {string[]} */ ([]), options: '' };
  for (let at = 0; at < headers.length; at += 2) {
    const size = headers[at].length;
    if (size !== 14 && size !== 17 && size !== 10) {
      continue; // spares most names the copy in lower case
    }
    const name = headers[at].toLowerCase();
    if (name === 'content-length') {
      found.lengths.push(headers[at + 1]);
    } else if (name === 'transfer-encoding') {
      found.codings.push(headers[at + 1]);
    } else if (name === 'connection') {
      found.options += `,${headers[at + 1].toLowerCase()}`;
    }
  }
  return { ...found, options: found.options.split(',').map((option) => option.trim()) };
}

/**
 * Whether it is chunked. Throws for what RFC 9112 §6.1 calls faulty framing.
 * @param {readonly string[]} codings
 * @param {readonly string[]} lengths
 * @param {string} httpVersion
 */
function checkCodings(codings, lengths, httpVersion) {
  if (codings.length === 0) {
    return false;
  }
  if (lengths.length > 0) {
    throw new ParseError('it has both Content-Length and Transfer-Encoding');
  }
  if (codings.length > 1 || codings[0].toLowerCase() !== 'chunked' || httpVersion === '1.0') {
    throw new ParseError('it has a Transfer-Encoding other than chunked');
  }
  return true;
}

/**
 * The Content-Length, null without one.
 * @param {readonly string[]} lengths
 */
function checkLength(lengths) {
  if (lengths.length === 0) {
    return null;
  }
  const length = Number(lengths[0]);
  if (lengths.length > 1 || !LENGTH.test(lengths[0]) || !Number.isSafeInteger(length)) {
    throw new ParseError('its Content-Length is not one number');
  }
  return length;
}

module.exports = { ParseError, ResponseParser };
