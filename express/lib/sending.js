'use strict';

/** One request's way to the sidecar: its head, then, when the sidecar wants it, its body. */

const { bodyTooLarge } = require('./faults');
const headers = require('./headers');
const { Upload } = require('./upload');

class Sending {
  /**
   * @param {import('./exchange').Desk} desk
   * @param {import('./request').Request} request
   * @param {(fault: import('./faults').Fault) => void} onFault the body is longer than it may be
   */
  constructor(desk, request, onFault) {
    this._desk = desk;
    this._request = request;
    this._onFault = onFault;
    this._upload = new Upload(request);
    /** @type {import('./connection').Connection | null} */
    this._conn = null;
    /** @type {NodeJS.Timeout | null} */
    this._permission = null;
    /** Something of the request has been sent. */
    this.begun = false;
    this._upload.hold();
  }

  /** Bytes of the body that have come. */
  get bytes() {
    return this._upload.bytes;
  }

  /** Something of the body is still on its way from the client. */
  get unread() {
    return this._upload.unread;
  }

  /** The client waits for a 100 that never came: it has sent nothing of its body. */
  get isUnasked() {
    return this._request.expectsContinue && this._upload.bytes === 0;
  }

  /**
   * Send it on a connection, whose events go to `listener`.
   * @param {import('./connection').Connection} conn
   * @param {import('./connection').Listener} listener
   */
  begin(conn, listener) {
    const { _desk: desk, _request: request } = this;
    const head = request.head(conn.endpoint, desk.trusted, desk.headers(request.incoming));
    this._conn = conn;
    this.begun = true;
    conn.begin(listener, head, { headOnly: request.method === 'HEAD', requestDone: request.length === 0 });
    if (request.length === 0) {
      return;
    }
    if (request.expectsContinue) {
      // What an upstream that knows no 100 costs: the body is sent anyway.
      this._permission = setTimeout(() => this.permit(), desk.limits.continueMs);
    } else {
      this._startUpload();
    }
  }

  /** The sidecar wants the body. */
  permit() {
    if (this.withdrawPermission()) {
      this._startUpload();
    }
  }

  /** The sidecar has answered without the body: it is not asked for any more. */
  withdrawPermission() {
    const waited = this._permission !== null;
    if (this._permission) {
      clearTimeout(this._permission);
      this._permission = null;
    }
    return waited;
  }

  _startUpload() {
    this._upload.start({ take: (chunk) => this._take(chunk), end: (trailers) => this._end(trailers) });
  }

  /** @param {Buffer} chunk */
  _take(chunk) {
    const { maxBodyBytes } = this._desk.limits;
    if (maxBodyBytes !== null && this._upload.bytes > maxBodyBytes) {
      this._onFault(bodyTooLarge(maxBodyBytes));
      return true;
    }
    return this._conn ? this._conn.send(chunk, this._isChunked) : true;
  }

  /** @param {string[]} trailers */
  _end(trailers) {
    this._conn?.finish(this._isChunked ? headers.trailers(trailers, 'request') : null);
  }

  get _isChunked() {
    return this._request.length === null && !this._request.rawBody;
  }

  /** The connection takes more. */
  resume() {
    this._upload.resume();
  }

  /** Nobody wants the rest. */
  stop() {
    this.withdrawPermission();
    this._upload.stop();
    this._conn = null;
  }

  /** Let the rest go by, so that the next request on the client's connection can be read. */
  drop() {
    this._upload.drop();
  }

  /**
   * Take and drop what still arrives, for a while.
   * @param {() => void} done
   */
  linger(done) {
    this._upload.linger(done);
  }
}

module.exports = { Sending };
