'use strict';

/** One request on its way to the sidecar and its response on the way back. */

const answers = require('./answers');
const { Fault } = require('./faults');
const headers = require('./headers');
const { Reach } = require('./reach');
const reply = require('./reply');
const { Sending } = require('./sending');
const { overdue } = require('./stall');

/**
 * What all exchanges of one proxy share.
 * @typedef {object} Desk
 * @property {import('./proxy').Upstream} upstream
 * @property {import('./pool').Pool} pool
 * @property {import('./endpoints').Balance} balance
 * @property {import('./pulse').Pulse} pulse
 * @property {import('./trusted').Trusted} trusted
 * @property {import('./options').Limits} limits
 * @property {(incoming: import('./request').Incoming) => Record<string, string> | undefined} headers
 * @property {(error: unknown) => void} onError
 * @property {() => number} clock in ms, monotonic
 */

/** Carries one request. It ends with the response's `close`, which Node emits in every case. */
class Exchange {
  /**
   * @param {Desk} desk
   * @param {import('./request').Request} request
   * @param {import('./reply').Outgoing} res
   * @param {(exchange: Exchange) => void} done
   */
  constructor(desk, request, res, done) {
    this._desk = desk;
    this.request = request;
    this._res = res;
    this._sending = new Sending(desk, request, (fault) => this.fail(fault));
    this._reach = new Reach(desk, request.repeatable, (conn, fault) => this._reached(conn, fault));
    /** @type {import('./connection').Connection | null} */
    this._conn = null;
    /** @type {Buffer | undefined} the end of the body, sent together with the end of the response */
    this._lastChunk = undefined;
    this._passTrailers = false;
    this._endsWithConnection = false;
    /** Chunks of the response are written as they are, not as copies. */
    this._lends = false;
    this._early = false;
    this._repeated = false;
    this._over = false;
    this._mark = -1;
    this._since = 0;
    this.startedAt = desk.clock();
    /** @type {number | null} */
    this.firstByteAt = null;
    /** @type {number | null} set once the response has begun */
    this.status = null;
    /** @type {import('../index').Outcome} */
    this.outcome = 'server_error';
    this.message = '';
    this.aborted = false;
    this.bytesOut = 0;
    res.on('close', () => {
      this._closed();
      done(this);
    });
  }

  get bytesIn() {
    return this._sending.bytes;
  }

  get over() {
    return this._over;
  }

  // The request's way

  /** Carry the request to a sidecar and its response back. */
  run() {
    this._desk.pulse.add(this);
    this._reach.start();
  }

  /**
   * @param {import('./connection').Connection | null} conn
   * @param {Fault | null} fault
   */
  _reached(conn, fault) {
    if (this._over) {
      if (conn) {
        this._desk.pool.giveBack(conn);
      }
    } else if (conn) {
      this._conn = conn;
      this._sending.begin(conn, this);
    } else if (fault) {
      this.fail(fault);
    }
  }

  onDrain() {
    this._sending.resume();
  }

  // The response's way

  /**
   * @param {number} status
   * @param {string[]} fields
   */
  onInformational(status, fields) {
    if (status === 100) {
      this._sending.permit();
    } else {
      reply.inform(this._res, status, headers.responseHeaders(fields, { status, trailers: false }));
    }
  }

  /** @param {import('./parser').ResponseHead} head */
  onHead(head) {
    const { _res: res, request } = this;
    this.firstByteAt = this._desk.clock();
    this._sending.withdrawPermission();
    this._reach.answered();
    if (!reply.mayBegin(res)) {
      this._finish('server_error', 'The host answered by itself');
      return;
    }
    this._early = this._conn?.requestDone === false;
    this._passTrailers = head.chunked && request.httpVersion === '1.1';
    const fields = headers.responseHeaders(head.headers, { status: head.status, trailers: this._passTrailers });
    fields.push('Via', headers.via(head.httpVersion), 'X-Request-ID', request.requestId);
    if (this._early) {
      fields.push('Connection', 'close');
    }
    this._endsWithConnection = request.httpVersion === '1.0' && head.length === null;
    reply.begin(res, head, fields);
    this._lends = head.length !== null && reply.mayLend(res); // with a length, one read brings no two chunks
    this.status = head.status;
  }

  /**
   * @param {Buffer} chunk
   * @param {boolean} last
   */
  onBody(chunk, last) {
    if (this._over) {
      return;
    }
    this.bytesOut += chunk.length;
    const conn = this._conn;
    if (last && !this._early) {
      this._lastChunk = Buffer.from(chunk);
    } else if (this._lends && !last) {
      this._res.write(chunk, () => conn?.resume());
    } else if (!this._res.write(Buffer.from(chunk)) && !conn?.readingPaused) {
      conn?.pause();
      this._res.once('drain', () => conn?.resume());
    }
  }

  /** Some of the response has come and more will: whoever waits for it gets it now. */
  onPart() {
    if (this.status !== null && !this._over) {
      if (this.bytesOut === 0) {
        this._res.flushHeaders();
      }
      reply.flush(this._res);
      if (this._lends && !reply.push(this._res)) {
        this._conn?.pause();
      }
    }
  }

  /** @param {string[]} received */
  onEnd(received) {
    const res = this._res;
    this._finish('ok', '');
    const trailers = this._passTrailers ? headers.trailers(received, 'response') : [];
    if (trailers.length > 0) {
      res.addTrailers(pairs(trailers));
    }
    if (this._early && this._sending.unread && !this._sending.isUnasked) {
      reply.flush(res);
      this._sending.linger(() => res.end());
    } else {
      res.end(this._lastChunk);
    }
  }

  // The end

  /** @param {Fault} fault */
  onFault(fault) {
    const conn = this._conn;
    const unanswered = conn !== null && !conn.answered;
    const isStale = unanswered && conn.exchanges > 1;
    if (unanswered && !isStale) {
      this._reach.broke();
    }
    if (isStale && this.request.repeatable && !this._repeated) {
      // The upstream may have closed an idle connection just then (RFC 9110 §9.2.2, RFC 9112 §9.3.1).
      this._repeated = true;
      this._conn = null;
      this._reach.afresh();
    } else {
      this.fail(fault);
    }
  }

  /**
   * Something of ours, or a hook of the host's on the response, threw: this request ends, the host lives.
   * @param {unknown} error
   */
  onCrash(error) {
    this._desk.onError(error);
    if (this._over) {
      this._res.destroy();
    }
    reply.clear(this._res);
    this.fail(new Fault('hostFault', 'The proxy failed on this request.'));
  }

  /**
   * End it with a fault: told to the client as far as it has not been told something else.
   * @param {Fault} fault
   */
  fail(fault) {
    if (this._over) {
      return;
    }
    const hadBegun = this.status !== null;
    this._finish(fault.row.outcome, fault.message);
    if (hadBegun) {
      this.aborted = true;
      reply.abort(this._res, this._endsWithConnection);
      return;
    }
    const why = fault.kind === 'unreachable' ? this._desk.upstream.whyNotReady() : null;
    this._say(why ? answers.notReady(why) : answers.forFault(fault));
  }

  /**
   * Answer by ourselves before anything was tried.
   * @param {import('./answers').Answer} answer
   * @param {import('../index').Outcome} outcome
   */
  refuse(answer, outcome) {
    this._finish(outcome, answer.message);
    this._say(answer);
  }

  /**
   * What is unread of a body stays Node's to skip, unless we close.
   * @param {import('./answers').Answer} answer
   */
  _say(answer) {
    try {
      if (reply.mayBegin(this._res)) {
        this._write(answer);
      }
    } catch (error) {
      this._desk.onError(error);
      this._res.destroy();
    }
  }

  /** @param {import('./answers').Answer} answer */
  _write(answer) {
    const { _res: res, request } = this;
    const { begun, isUnasked, unread } = this._sending;
    const close = answer.close || (unread && (begun || request.expectsContinue));
    const body = reply.say(res, answer, { requestId: request.requestId, close });
    this.status = answer.status;
    this.bytesOut += body.length;
    if (close && unread && !isUnasked) {
      res.flushHeaders();
      res.write(body);
      this._sending.linger(() => res.end());
    } else {
      res.end(body);
      this._sending.drop();
    }
  }

  /**
   * @param {import('../index').Outcome} outcome
   * @param {string} message
   */
  _finish(outcome, message) {
    this._over = true;
    this.outcome = outcome;
    this.message = message;
    this._desk.pulse.remove(this);
    this._sending.stop();
    this._reach.release();
    const conn = this._conn;
    this._conn = null;
    if (outcome === 'ok' && conn) {
      this._desk.pool.giveBack(conn);
    } else {
      conn?.destroy();
    }
  }

  /** The response's `close`: it is sent, or the client is gone. */
  _closed() {
    const whole = this._res.writableFinished;
    if (!this._over) {
      this._finish(whole ? 'server_error' : 'client_gone', whole ? 'The host answered by itself' : 'The client left');
    } else if (!whole && !this.aborted && this.outcome === 'ok') {
      this.outcome = 'client_gone';
      this.message = 'The client left before it had the whole response';
    }
  }

  // Time

  /** @param {number} now */
  pulse(now) {
    const conn = this._conn;
    if (!conn) {
      return;
    }
    if (conn.activity !== this._mark) {
      this._mark = conn.activity;
      this._since = now;
      return;
    }
    const fault = overdue(conn, { answering: this.status !== null, stillMs: now - this._since }, this._desk.limits);
    if (fault) {
      this.fail(fault);
    }
  }
}

/** @param {readonly string[]} flat */
function pairs(flat) {
  /** @type {[string, string][]} */
  const all = [];
  for (let at = 0; at < flat.length; at += 2) {
    all.push([flat[at], flat[at + 1]]);
  }
  return all;
}

module.exports = { Exchange };
