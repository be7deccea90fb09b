'use strict';

const { Socket } = require('node:net');

// Reads fill one buffer for each connection: a fresh one for each read keeps the garbage collector busy for longer than
// the rest of the work takes. From this size on larger ones gain nothing.
const READ_BYTES = 128 * 1024;
// Bytes of a body that go out in one write, so far as they come in one turn of the event loop.
const WRITE_BYTES = 256 * 1024;
const WAITING_BYTES = 2 * WRITE_BYTES;

/**
 * A socket that reads into one buffer, writes much at once, and outlives a failed write.
 *
 * An upstream that refuses an upload answers, then closes under the body (RFC 9112 §9.6). The write that fails would
 * have Node destroy the socket with that answer unread in it; instead nothing more is written, and reading goes on
 * until it ends by itself.
 */
class UpstreamSocket extends Socket {
  /** @param {(chunk: Buffer) => void} onData each chunk lies where the next one will: it is valid until that is read */
  constructor(onData) {
    const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
    const callback = (/** @type {number} */ count) => {
      onData(buffer.subarray(0, count));
      return true;
    };
    super(/** @type {import('node:net').SocketConstructorOpts} */ ({
      writableHighWaterMark: WAITING_BYTES, // known to every Socket, missing in its type
      onread: { buffer, callback },
    }));
    this._gathering = false;
    this._send = () => this.sendGathered();
  }

  /** Let what is written from here to the end of this turn of the event loop go out together. */
  gather() {
    if (!this._gathering) {
      this._gathering = true;
      this.cork();
      setImmediate(this._send);
    }
  }

  /** Send what has been gathered if it is enough for one write. */
  sendEnough() {
    if (this.writableLength >= WRITE_BYTES) {
      this.sendGathered();
    }
  }

  sendGathered() {
    if (this._gathering) {
      this._gathering = false;
      this.uncork();
    }
  }

  /**
   * @param {any} chunk
   * @param {BufferEncoding} encoding
   * @param {(error?: Error | null) => void} done
   */
  _write(chunk, encoding, done) {
    super._write(chunk, encoding, this._unlessConnected(done));
  }

  /**
   * @param {{ chunk: any, encoding: BufferEncoding }[]} chunks
   * @param {(error?: Error | null) => void} done
   */
  _writev(chunks, done) {
    // @ts-expect-error optional in the type of streams, there in every Socket
    super._writev(chunks, this._unlessConnected(done));
  }

  /** @param {(error?: Error | null) => void} done */
  _unlessConnected(done) {
    return (/** @type {Error | null | undefined} */ error) => {
      if (!error || this.connecting) {
        done(error);
      }
    };
  }
}

module.exports = { UpstreamSocket };
