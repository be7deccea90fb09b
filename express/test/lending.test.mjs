// Chunks of answers lie in a buffer that is filled again: whoever is slow, or keeps them, sees the same bytes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { onBoth } from './helpers/stage.mjs';
import { request } from './helpers/wire.mjs';

const SIZE = 6 * 1024 * 1024; // more than the buffers of the kernel hold for both connections
const FRAMINGS = {
  'Content-Length': (body) => [`Content-Length: ${body.length}\r\n\r\n`, body],
  'Transfer-Encoding': (body) => [`Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`, body, '\r\n0\r\n\r\n'],
  'the end of the connection': (body) => ['Connection: close\r\n\r\n', body],
};

/** Answers each request with the next of the bodies. */
function answering(bodies, framing) {
  let next = 0;
  return async (call) => {
    while (await call.request()) {
      call.send('HTTP/1.1 200 OK\r\n', ...FRAMINGS[framing](bodies[next++]));
      if (framing === 'the end of the connection') {
        call.socket.end();
        return;
      }
    }
  };
}

for (const framing of Object.keys(FRAMINGS)) {
  onBoth(`clients that stop reading for a while get their own bytes (${framing})`, async (stage) => {
    const bodies = Array.from({ length: 4 }, () => randomBytes(SIZE));
    await stage.setUp(answering(bodies, framing));
    const stopped = [];
    for (let at = 0; at < 3; at++) {
      const wire = await stage.client();
      wire.send(request());
      const message = await wire.head();
      wire.socket.pause(); // the answer stands still while other connections are read
      stopped.push({ wire, message });
    }
    assert.ok((await stage.ask()).body.equals(bodies[3]));
    for (const [at, { wire, message }] of stopped.entries()) {
      wire.socket.resume();
      await wire.body(message, { toEnd: true });
      assert.ok(message.body.equals(bodies[at]), `body ${at}`);
    }
  });

  onBoth(`a hook that keeps what is written keeps the right bytes (${framing})`, async (stage) => {
    const kept = [];
    const keeps = (_req, res, next) => {
      const { write, end } = res;
      res.write = (chunk, ...rest) => {
        kept.push(chunk);
        return write.call(res, chunk, ...rest);
      };
      res.end = (chunk, ...rest) => {
        kept.push(chunk ?? '');
        return end.call(res, chunk, ...rest);
      };
      next();
    };
    const body = randomBytes(SIZE);
    await stage.setUp(answering([body], framing), { before: [keeps] });
    assert.ok((await stage.ask()).body.equals(body));
    assert.ok(Buffer.concat(kept.map((chunk) => Buffer.from(chunk))).equals(body));
  });
}
