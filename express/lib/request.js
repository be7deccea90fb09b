'use strict';

/** What the client asked, read once from Node's request, and the head that goes upstream for it. */

const { isAwaiting } = require('./expectation');
const { Fault } = require('./faults');
const headers = require('./headers');
const { newRequestId } = require('./request_id');
const { hasDotSegment } = require('./routes');
const { peerOf } = require('./trusted');

// RFC 9110 §9.2.2: sending one of these twice is as good as once. Others are never repeated.
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);
// The target of origin-form: printable ASCII; 0x80 and above is tolerated as raw UTF-8, never space or control bytes.
const TARGET = /^\/[^\x00-\x20\x7f#]*$/;
const LENGTH = /^[0-9]{1,16}$/;

/**
 * Node's request, with what Express and body parsers add to it.
 * @typedef {import('node:http').IncomingMessage & { originalUrl?: string, rawBody?: unknown, _body?: unknown }} Incoming
 */

/**
 * One request. Reading never throws: what must not be forwarded is told by `problem()`.
 *
 * `length` is the body's: 0 for none, null for chunked, that is not known beforehand.
 */
class Request {
  /**
   * @param {Incoming} incoming
   * @param {string} target the raw request target
   * @param {string} path the same without the query
   */
  constructor(incoming, target, path) {
    this.incoming = incoming;
    this.method = incoming.method ?? 'GET';
    this.target = target;
    this.path = path;
    this.httpVersion = incoming.httpVersion;
    this.peer = peerOf(incoming.socket.remoteAddress);
    /** @type {string[]} flat: name, value, … */
    this.kept = [];
    /** @type {Map<string, string[]>} by lower-case name */
    this.noted = new Map();
    /** @type {number | null} */
    this.length = 0;
    /** Whether the client waits for a 100 that nobody has sent yet. */
    this.expectsContinue = false;
    /** @type {Buffer | null} the body, where a middleware has read it and kept its bytes */
    this.rawBody = null;
    /** @type {Fault | null} */
    this._fault = null;
    this._readHeaders(incoming.rawHeaders);
    this._readFraming();
    this.expectsContinue = this.length !== 0 && isAwaiting(incoming);
    this.requestId = headers.saneRequestId(this.noted.get(headers.REQUEST_ID)) ?? newRequestId();
  }

  /** @param {readonly string[]} raw */
  _readHeaders(raw) {
    const { kept } = this;
    for (let at = 0; at < raw.length; at += 2) {
      const { lower, request: rule } = headers.field(raw[at]);
      if (rule === headers.KEEP) {
        kept.push(raw[at], raw[at + 1]);
      } else if (rule !== headers.DROP) {
        this._note(rule, lower, raw[at], raw[at + 1]);
      }
    }
  }

  /**
   * @param {number} rule
   * @param {string} lower
   * @param {string} name
   * @param {string} value
   */
  _note(rule, lower, name, value) {
    if (rule === headers.REFUSE) {
      this._fault = new Fault('badRequest', 'The name of a header of the request is not a token');
      return;
    }
    const before = this.noted.get(lower);
    if (rule === headers.KEEP_AND_NOTE && !(before && lower === 'content-length')) {
      this.kept.push(name, value);
    }
    if (before) {
      before.push(value);
    } else {
      this.noted.set(lower, [value]);
    }
  }

  /** RFC 9112 §6.3. Node's parser refuses most of what is refused here; a host may run it leniently. */
  _readFraming() {
    const codings = this.noted.get('transfer-encoding');
    const lengths = this.noted.get('content-length');
    const problem = codings ? codingProblem(codings, lengths, this.httpVersion) : lengthProblem(lengths);
    if (problem) {
      this._fault = new Fault('badRequest', problem);
    } else if (codings) {
      this.length = null;
    } else if (lengths) {
      this.length = Number(lengths[0]);
    }
  }

  /** Whether it may be sent a second time when nothing came back. */
  get repeatable() {
    return this.length === 0 && IDEMPOTENT.has(this.method);
  }

  /**
   * Why it must not be forwarded.
   * @returns {Fault | null}
   */
  problem() {
    if (this._fault) {
      return this._fault;
    }
    if (!headers.TOKEN.test(this.method) || this.method === 'CONNECT') {
      return new Fault('badRequest', "The request's method cannot be forwarded");
    }
    if (!TARGET.test(this.target)) {
      // Absolute-form would let the client choose the host (RFC 9112 §3.2.2).
      return new Fault('badRequest', "The request's target is not an absolute path");
    }
    const hosts = this.noted.get('host')?.length ?? 0;
    if (hosts > 1 || (hosts === 0 && this.httpVersion === '1.1')) {
      return new Fault('badRequest', 'The request does not have exactly one Host field'); // RFC 9112 §3.2
    }
    if (hasDotSegment(this.path)) {
      return new Fault('badRequest', 'The path holds a dot segment, which could lead out of the proxied routes');
    }
    return this._valueProblem();
  }

  /** Node's parser lets no such value through; a middleware may have written one. */
  _valueProblem() {
    for (let at = 1; at < this.kept.length; at += 2) {
      if (!headers.VALUE.test(this.kept[at])) {
        return new Fault('badRequest', 'A header of the request holds a line break or a NUL byte');
      }
    }
    return null;
  }

  /**
   * A body that a middleware has read: its bytes from `req.rawBody`, or the fault that says what to change.
   * @returns {Fault | null}
   */
  bodyProblem() {
    const { incoming } = this;
    if (this.length === 0 || !(incoming.readableDidRead || incoming.readableEnded || incoming._body)) {
      return null;
    }
    const bytes = bytesOf(incoming.rawBody);
    if (!bytes) {
      return new Fault('bodyTaken', 'A middleware of the host has read the request body before mediabridge could.');
    }
    if (this.length === null ? this._isEncoded() : this.length !== bytes.length) {
      return new Fault('bodyTaken', 'req.rawBody is not the body as it was sent: it was decoded, or is incomplete.');
    }
    this.rawBody = bytes;
    return null;
  }

  /** Body parsers decompress: without a length nothing tells whether `rawBody` still is what was sent. */
  _isEncoded() {
    const at = this.kept.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'content-encoding');
    return at >= 0 && this.kept[at + 1].trim().toLowerCase() !== 'identity';
  }

  /**
   * Request line and fields as they go upstream.
   * @param {import('./endpoints').Endpoint} endpoint
   * @param {import('./trusted').Trusted} trusted
   * @param {Readonly<Record<string, string>>} [more] the host's own fields, which replace the client's
   * @returns {string} in latin1
   */
  head(endpoint, trusted, more) {
    const own = more ? { ...more, ...endpoint.headers } : endpoint.headers;
    const names = more ? new Set(Object.keys(own).map((name) => headers.field(name).plain)) : endpoint.names;
    let head = `${this.method} ${this.target} HTTP/1.1\r\n`;
    head += lines(this._endToEnd(names)) + lines(this._added(endpoint, trusted));
    for (const name of Object.keys(own)) {
      head += `${name}: ${own[name]}\r\n`;
    }
    return `${head}${this._framing()}\r\n`;
  }

  _framing() {
    let text = this.expectsContinue ? 'Expect: 100-continue\r\n' : '';
    if (this.length !== null) {
      return text;
    }
    if (this.rawBody) {
      return `${text}Content-Length: ${this.rawBody.length}\r\n`;
    }
    for (const value of this.noted.get('trailer') ?? []) {
      text += `Trailer: ${value}\r\n`;
    }
    return `${text}Transfer-Encoding: chunked\r\n`;
  }

  /** @param {ReadonlySet<string>} names that others replace */
  _endToEnd(names) {
    const kept = names.size === 0 ? this.kept : headers.without(this.kept, names);
    const connection = this.noted.get('connection');
    return connection ? headers.without(kept, headers.connectionOptions(connection)) : kept;
  }

  /**
   * @param {import('./endpoints').Endpoint} endpoint
   * @param {import('./trusted').Trusted} trusted
   */
  _added(endpoint, trusted) {
    const host = this.noted.get('host')?.[0] ?? null;
    // @ts-expect-error only a TLSSocket has `encrypted`
    const scheme = this.incoming.socket.encrypted ? 'https' : 'http';
    const seen = { peer: this.peer, scheme, host };
    const told = trusted.covers(this.peer)
      ? headers.saidBeforeUs(this.noted, seen)
      : [...headers.seenByUs(seen), ...headers.ignored(this.noted)];
    told.push('Via', headers.via(this.httpVersion), 'X-Request-ID', this.requestId);
    if (host === null) {
      told.push('Host', endpoint.authority);
    }
    return told;
  }
}

/** @param {readonly string[]} fields */
function lines(fields) {
  let text = '';
  for (let at = 0; at < fields.length; at += 2) {
    text += `${fields[at]}: ${fields[at + 1]}\r\n`;
  }
  return text;
}

/**
 * @param {readonly string[]} codings
 * @param {readonly string[] | undefined} lengths
 * @param {string} httpVersion
 */
function codingProblem(codings, lengths, httpVersion) {
  if (lengths) {
    return 'The request has both Content-Length and Transfer-Encoding';
  }
  if (codings.length > 1 || codings[0].trim().toLowerCase() !== 'chunked') {
    return 'The request has a Transfer-Encoding other than chunked';
  }
  return httpVersion === '1.0' ? 'The request has a Transfer-Encoding in HTTP/1.0' : null;
}

/** @param {readonly string[] | undefined} lengths */
function lengthProblem(lengths) {
  if (!lengths) {
    return null;
  }
  if (new Set(lengths).size > 1) {
    return 'The request has two different Content-Length fields';
  }
  const whole = LENGTH.test(lengths[0]) && Number.isSafeInteger(Number(lengths[0]));
  return whole ? null : "The request's Content-Length is not a number";
}

/**
 * @param {unknown} body
 * @returns {Buffer | null}
 */
function bytesOf(body) {
  if (typeof body === 'string') {
    return Buffer.from(body);
  }
  return body instanceof Uint8Array ? Buffer.from(body.buffer, body.byteOffset, body.byteLength) : null;
}

module.exports = { Request };
