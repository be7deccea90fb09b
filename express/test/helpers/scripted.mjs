// An upstream that does on each connection what its script says.

import net from 'node:net';
import { Wire, within } from './wire.mjs';

/** One connection that reached the upstream. `number` counts from 1. */
export class Call extends Wire {
  constructor(socket, number, upstream) {
    super(socket);
    this.number = number;
    this.upstream = upstream;
  }

  /** The next request, recorded, also when it is cut off. */
  async request() {
    const message = await super.request();
    if (message) {
      this.upstream.record(message);
    }
    return message;
  }

  answer(body = 'ok', fields = [], status = '200 OK') {
    const bytes = Buffer.from(body, 'latin1');
    const head = [`HTTP/1.1 ${status}`, `Content-Length: ${bytes.length}`, ...fields, '', ''].join('\r\n');
    this.send(head, bytes);
  }
}

export async function alwaysOk(call) {
  while (await call.request()) {
    call.answer();
  }
}

export class ScriptedUpstream {
  #received = [];
  #waiting = [];
  #running = [];

  constructor(script = alwaysOk) {
    this.script = script;
    this.calls = [];
    this.failures = [];
    this.count = 0;
    this.server = net.createServer({ allowHalfOpen: true }, (socket) => this.#serve(socket));
  }

  /** Listen on loopback, or on a Unix socket. */
  async listen(path) {
    await new Promise((resolve) => (path ? this.server.listen(path, resolve) : this.server.listen(0, '127.0.0.1', resolve)));
    this.url = path ? `unix:${path}` : `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  #serve(socket) {
    socket.setNoDelay(true);
    const call = new Call(socket, this.calls.length + 1, this);
    this.calls.push(call);
    this.#running.push(this.#run(call));
  }

  async #run(call) {
    try {
      await this.script(call);
    } catch (error) {
      this.failures.push(error);
    } finally {
      call.socket.end();
      call.socket.destroySoon();
    }
  }

  record(message) {
    this.count += 1;
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting(message);
    } else {
      this.#received.push(message);
    }
  }

  /** The next request that came, complete or cut off. */
  take() {
    const message = this.#received.shift();
    return message ? Promise.resolve(message) : within(new Promise((resolve) => this.#waiting.push(resolve)), 'a request');
  }

  stopListening() {
    return new Promise((resolve) => this.server.close(resolve)).catch(() => {});
  }

  async close() {
    this.server.close();
    this.calls.forEach((call) => call.close());
    await within(Promise.all(this.#running), 'the scripts to end');
    if (this.failures.length > 0) {
      throw this.failures[0];
    }
  }
}
