'use strict';

/**
 * One connection to the sidecar. No policy, no timers.
 *
 * It carries one exchange at a time: `begin` writes the head, `send` and `finish` the body; what comes back is told to
 * the exchange. Both directions push back: nobody reads faster than the other side takes.
 */

const { Fault } = require('./faults');
const { ParseError, ResponseParser } = require('./parser');
const { UpstreamSocket } = require('./upstream_socket');

const END_OF_LINE = '\r\n';

/**
 * Who is told. A chunk of the body is lent: it is valid until `onBody` and the `onPart` or `onEnd` behind it have
 * returned, and longer only while reading is paused.
 *
 * `onPart`: some of the response has come, and more will. `onEnd`: it is complete. `onFault`: it never
 * will be. `onCrash`: one of these threw.
 * @typedef {import('./parser').Sink & {
 *   onPart: () => void, onEnd: (trailers: string[]) => void, onFault: (fault: Fault) => void, onDrain: () => void,
 *   onCrash: (error: unknown) => void,
 * }} Listener
 */

class Connection {
  /**
   * @param {import('./endpoints').Endpoint} endpoint
   * @param {(connection: Connection) => void} onLost called once when it is gone
   */
  constructor(endpoint, onLost) {
    this.endpoint = endpoint;
    this.idleSince = 0;
    this.exchanges = 0;
    /** Grows with every sign of progress, either way. */
    this.activity = 0;
    this.requestDone = true;
    /** Something of an answer has come. */
    this.answered = false;
    this.closed = false;
    this.readingPaused = false;
    this._onLost = onLost;
    /** @type {Listener | null} */
    this._listener = null;
    this._parser = new ResponseParser({
      onInformational: (status, headers) => this._listener?.onInformational(status, headers),
      onHead: (head) => this._listener?.onHead(head),
      onBody: (chunk, last) => this._listener?.onBody(chunk, last),
    });
    this._socket = new UpstreamSocket((chunk) => this._onData(chunk));
    /** @type {Error | null} */
    this._error = null;
  }

  /**
   * Open it. `done` gets the system's error, or null.
   * @param {number} timeoutMs
   * @param {(error: NodeJS.ErrnoException | null) => void} done
   */
  open(timeoutMs, done) {
    const socket = this._socket;
    const ended = (/** @type {NodeJS.ErrnoException} */ error) => {
      clearTimeout(timer);
      this.closed = true;
      socket.destroy();
      done(error);
    };
    const timer = setTimeout(() => ended(Object.assign(new Error('too slow'), { code: 'ETIMEDOUT' })), timeoutMs);
    socket.once('error', ended);
    socket.connect(/** @type {import('node:net').SocketConnectOpts} */ (this.endpoint.where), () => {
      clearTimeout(timer);
      socket.off('error', ended);
      this._listen(socket);
      done(null);
    });
  }

  /** @param {UpstreamSocket} socket */
  _listen(socket) {
    socket.setNoDelay(true);
    socket.unref(); // idle, it must not keep the host alive; in use, the client's connection does
    socket.on('drain', () => this._onDrain());
    socket.on('end', () => this._onEnd());
    socket.on('error', (error) => (this._error = error));
    socket.on('close', () => this._onClose());
  }

  /**
   * Send a request's head; `listener` is told of the response.
   * @param {Listener} listener
   * @param {string} head in latin1
   * @param {{ headOnly: boolean, requestDone: boolean }} request `headOnly`: the response has no body
   */
  begin(listener, head, { headOnly, requestDone }) {
    this._listener = listener;
    this._parser.begin({ headOnly });
    this.answered = false;
    this.exchanges += 1;
    this.activity += 1;
    this.requestDone = requestDone;
    if (!requestDone) {
      this._socket.gather();
    }
    this._socket.write(head, 'latin1');
  }

  /**
   * Write a part of the body.
   * @param {Buffer} chunk
   * @param {boolean} chunked as a chunk of its own (RFC 9112 §7.1)
   * @returns {boolean} false: wait for `onDrain` before the next
   */
  send(chunk, chunked) {
    this.activity += 1;
    const socket = this._socket;
    socket.gather();
    if (chunked) {
      socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
    }
    let more = socket.write(chunk);
    if (chunked) {
      more = socket.write(END_OF_LINE, 'latin1');
    }
    socket.sendEnough();
    return more;
  }

  /**
   * The request is completely sent, but for the last chunk with its trailers.
   * @param {readonly string[] | null} trailers null where the body is not chunked
   */
  finish(trailers) {
    this.activity += 1;
    this.requestDone = true;
    if (trailers) {
      let text = '0\r\n';
      for (let at = 0; at < trailers.length; at += 2) {
        text += `${trailers[at]}: ${trailers[at + 1]}\r\n`;
      }
      this._socket.write(text + END_OF_LINE, 'latin1');
    }
    this._socket.sendGathered();
  }

  /** Bytes wait to be taken by the upstream. */
  get writingPaused() {
    return this._socket.writableNeedDrain;
  }

  pause() {
    this.readingPaused = true;
    this._socket.pause();
  }

  resume() {
    if (this.readingPaused) {
      this.readingPaused = false;
      this.activity += 1;
      this._socket.resume();
    }
  }

  /** Close at once; the listener is told nothing more. */
  destroy() {
    this._listener = null;
    this.closed = true;
    this._socket.destroy();
  }

  /** The exchange is over: nobody listens any more. */
  release() {
    this._listener = null;
    this.resume();
  }

  /** Whether the exchange left the connection fit for another (RFC 9112 §9.3). */
  get reusable() {
    const { complete, keepAlive, stray } = this._parser;
    return complete && keepAlive && !stray && this.requestDone && !this.closed;
  }

  /** @param {Buffer} chunk */
  _onData(chunk) {
    this.activity += 1;
    this.answered = true;
    if (this._listener) {
      this._read(chunk, this._listener);
    } else {
      this.destroy(); // stray bytes must never become the answer to the next request
    }
  }

  /**
   * @param {Buffer} chunk
   * @param {Listener} listener
   */
  _read(chunk, listener) {
    try {
      this._parser.execute(chunk);
      this._tellProgress();
    } catch (error) {
      if (error instanceof ParseError) {
        this._fail(`The answer cannot be used: ${error.message}`);
      } else {
        listener.onCrash(error);
      }
    }
  }

  _tellProgress() {
    if (this._parser.complete) {
      this._listener?.onEnd(this._parser.trailers);
    } else {
      this._listener?.onPart();
    }
  }

  _onDrain() {
    this.activity += 1;
    this._listener?.onDrain();
  }

  _onEnd() {
    this.closed = true;
    this._parser.end();
    const listener = this._listener;
    if (!listener || !this._parser.complete) {
      this._failEnded(); // not left to 'close', which would wait for what is still unwritten
      return;
    }
    try {
      listener.onEnd(this._parser.trailers);
    } catch (error) {
      listener.onCrash(error);
    }
  }

  _onClose() {
    this._failEnded();
    this._onLost(this);
  }

  _failEnded() {
    const when = this._parser.begun ? 'in the middle of its answer' : 'before it answered';
    const code = this._error && 'code' in this._error ? ` (${this._error.code})` : '';
    this._fail(`The connection ended ${when}${code}`);
  }

  /** @param {string} message */
  _fail(message) {
    const listener = this._listener;
    this.destroy();
    listener?.onFault(new Fault('broken', message));
  }
}

module.exports = { Connection };
