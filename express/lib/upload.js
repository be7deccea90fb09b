'use strict';

/** The request's body on its way: read no faster than it is taken, counted, and dropped when nobody wants it. */

// How long an answer waits for a client that still sends: closing under it would reset its connection, and the answer
// with it (RFC 9112 §9.6).
const LINGER_MS = 2000;
const LINGER_QUIET_MS = 300;

/**
 * Who takes the body. `take` gives false to be asked for no more until `resume()`.
 * @typedef {object} Taker
 * @property {(chunk: Buffer) => boolean} take
 * @property {(trailers: string[]) => void} end
 */

class Upload {
  /** @param {import('./request').Request} request */
  constructor(request) {
    this._request = request;
    this._incoming = request.incoming;
    this._hasBody = request.length !== 0;
    this.bytes = 0;
    /** @type {Taker | null} */
    this._taker = null;
  }

  /** Something of it is still on its way from the client. */
  get unread() {
    return this._hasBody && !this._incoming.complete;
  }

  /** Let nothing of it go by before `start`: another listener of the host's may have set it flowing. */
  hold() {
    if (this.unread) {
      this._incoming.pause();
    }
  }

  /** @param {Taker} taker */
  start(taker) {
    this._taker = taker;
    if (this._request.rawBody) {
      this._take(this._request.rawBody);
      this._end();
      return;
    }
    this._incoming.on('data', (chunk) => this._take(chunk));
    this._incoming.on('end', () => this._end());
    this._incoming.resume();
  }

  /** @param {Buffer} chunk */
  _take(chunk) {
    this.bytes += chunk.length;
    if (this._taker && !this._taker.take(chunk)) {
      this._incoming.pause();
    }
  }

  _end() {
    this._taker?.end(this._incoming.rawTrailers);
  }

  resume() {
    this._incoming.resume();
  }

  /** Nobody wants the rest. */
  stop() {
    this._taker = null;
  }

  /** Let the rest go by, so that the next request on the connection can be read. */
  drop() {
    this.stop();
    this._incoming.resume();
  }

  /**
   * Take and drop what arrives, until it ends, pauses for 0.3 s, or 2 s are over.
   * @param {() => void} done
   */
  linger(done) {
    this.stop();
    const incoming = this._incoming;
    const ended = () => {
      clearTimeout(whole);
      clearTimeout(quiet);
      for (const event of ['end', 'close']) {
        incoming.off(event, ended);
      }
      incoming.off('data', onData);
      done();
    };
    const onData = () => quiet.refresh();
    const whole = setTimeout(ended, LINGER_MS);
    const quiet = setTimeout(ended, LINGER_QUIET_MS);
    incoming.on('data', onData);
    incoming.once('end', ended);
    incoming.once('close', ended);
    incoming.resume();
  }
}

module.exports = { Upload };
