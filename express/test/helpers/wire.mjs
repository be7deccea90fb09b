// Bytes on sockets, read by hand: what a test sends and sees is exactly what was on the wire.

import net from 'node:net';

export const DEADLINE_MS = 8000;

/** A request or a response as it came. `complete` is false when the connection ended inside it. */
export class Message {
  start = '';
  headers = [];
  trailers = [];
  body = Buffer.alloc(0);
  complete = true;

  get status() {
    return Number(this.start.split(' ')[1]);
  }

  get method() {
    return this.start.split(' ')[0];
  }

  get target() {
    return this.start.split(' ')[1];
  }

  get json() {
    return JSON.parse(this.body.toString());
  }

  get text() {
    return this.body.toString('latin1');
  }

  get names() {
    return new Set(this.headers.map(([name]) => name));
  }

  all(name) {
    return this.headers.filter(([key]) => key === name).map(([, value]) => value);
  }

  get(name) {
    const values = this.all(name);
    if (values.length > 1) {
      throw new Error(`${name} came ${values.length} times: ${values}`);
    }
    return values[0] ?? null;
  }
}

/** A socket with a buffer. Every wait has a deadline: a hang is a failed test. */
export class Wire {
  #waiting = null;
  #parts = [];

  constructor(socket) {
    this.socket = socket;
    this.ended = false;
    socket.on('data', (data) => {
      this.#parts.push(data);
      this.#wake();
    });
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.ended = true;
        this.#wake();
      });
    }
    socket.on('error', () => {});
  }

  /** What has come and is not taken yet. */
  get buffer() {
    if (this.#parts.length !== 1) {
      this.#parts = [Buffer.concat(this.#parts)];
    }
    return this.#parts[0];
  }

  get #size() {
    return this.#parts.reduce((sum, part) => sum + part.length, 0);
  }

  #wake() {
    this.#waiting?.();
    this.#waiting = null;
  }

  send(...parts) {
    this.socket.write(Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))));
  }

  /** Wait for more; false at the end of the stream, clean or not. */
  async fill() {
    if (this.ended) {
      return false;
    }
    const before = this.#size;
    await within(new Promise((resolve) => (this.#waiting = resolve)), `more than ${before} bytes`);
    return this.#size > before || this.fill();
  }

  /** Everything up to and including `mark`; null when the stream ends before it. */
  async until(mark) {
    while (!this.buffer.includes(mark)) {
      if (!(await this.fill())) {
        return null;
      }
    }
    return this.#cut(this.buffer.indexOf(mark) + mark.length).toString('latin1');
  }

  #cut(size) {
    const all = this.buffer;
    this.#parts = [all.subarray(size)];
    return all.subarray(0, size);
  }

  /** So many bytes; fewer when the stream ends. */
  async exactly(size) {
    while (this.#size < size && (await this.fill()));
    return this.#cut(size);
  }

  async head() {
    const block = await this.until('\r\n\r\n');
    if (block === null) {
      return null;
    }
    const [start, ...lines] = block.slice(0, -4).split('\r\n');
    const message = new Message();
    message.start = start;
    message.headers = lines.map(asField);
    return message;
  }

  /** One chunk's data, empty for the last; null when the stream ends before it. */
  async chunk(message = new Message()) {
    const line = await this.until('\r\n');
    if (line === null) {
      return null;
    }
    const size = Number.parseInt(line.split(';')[0], 16);
    if (size === 0) {
      return this.#lastChunk(message);
    }
    const data = await this.exactly(size + 2);
    return data.length === size + 2 ? data.subarray(0, -2) : null;
  }

  async #lastChunk(message) {
    for (;;) {
      const line = await this.until('\r\n');
      if (line === null) {
        return null;
      }
      if (line === '\r\n') {
        return Buffer.alloc(0);
      }
      message.trailers.push(asField(line.slice(0, -2)));
    }
  }

  /** Read the body that the head announces. `toEnd`: without a length it lasts until the end. */
  async body(message, { toEnd = false } = {}) {
    if (message.get('transfer-encoding')) {
      await this.#chunked(message);
    } else if (message.get('content-length') !== null) {
      const length = Number(message.get('content-length'));
      message.body = await this.exactly(length);
      message.complete = message.body.length === length;
    } else if (toEnd) {
      while (await this.fill());
      message.body = this.#cut(this.buffer.length);
    }
    return message;
  }

  async #chunked(message) {
    if (message.get('content-length') !== null) {
      throw new Error('both Content-Length and Transfer-Encoding');
    }
    const chunks = [];
    let chunk;
    while ((chunk = await this.chunk(message)) && chunk.length > 0) {
      chunks.push(chunk);
    }
    message.body = Buffer.concat(chunks);
    message.complete = chunk !== null;
  }

  /** The next request, null at the end. Sends no 100. */
  async request() {
    const message = await this.head();
    return message && this.body(message);
  }

  /** The next final response. */
  async response(method = 'GET') {
    const message = await this.head();
    if (!message) {
      throw new Error(`the connection ended before a response; left: ${this.buffer.toString('latin1')}`);
    }
    if (message.status < 200) {
      return this.response(method);
    }
    const bodiless = method === 'HEAD' || message.status === 204 || message.status === 304;
    return bodiless ? message : this.body(message, { toEnd: true });
  }

  /** Wait for the end of the stream; false when bytes come instead. */
  async atEnd() {
    return this.buffer.length === 0 && !(await this.fill());
  }

  /** Whether nothing comes for so long. */
  async isQuiet(ms) {
    await sleep(ms);
    return this.buffer.length === 0 && !this.ended;
  }

  /** Close with RST. */
  reset() {
    this.socket.resetAndDestroy();
  }

  close() {
    this.socket.destroy();
  }
}

function asField(line) {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).replace(/^ +| +$/g, '')];
}

export function connect(port) {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(new Wire(socket)));
    socket.once('error', reject);
  });
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The promise, or an error when it takes longer than the deadline. */
export async function within(promise, what = 'that', ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A promise that a test resolves. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened: () => within(opened, 'a gate'), get promise() { return opened; } };
}

/** The head of a request. */
export function request(target = '/api/x', fields = [], { method = 'GET', host = 'example.test' } = {}) {
  return [`${method} ${target} HTTP/1.1`, `Host: ${host}`, ...fields, '', ''].join('\r\n');
}
