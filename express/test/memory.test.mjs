// Bodies larger than any buffer: memory stays flat, both ways, when the other side is slow.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { HERE } from './helpers/running.mjs';
import { ScriptedUpstream } from './helpers/scripted.mjs';
import { connect, request, sleep } from './helpers/wire.mjs';

const MB = 1024 * 1024;
const SIZE = 200 * MB;
const MOST_MB = 64; // over idle; V8 lets some garbage lie, but nothing like the body's size

/** Reads so slowly that the other side must wait. */
async function takeSlowly(socket, size) {
  let taken = 0;
  socket.on('data', (data) => {
    taken += data.length;
    if (Math.floor(taken / (4 * MB)) !== Math.floor((taken - data.length) / (4 * MB))) {
      socket.pause();
      setTimeout(() => socket.resume(), 10);
    }
  });
  while (taken < size) {
    await sleep(20);
  }
}

async function pour(socket, size) {
  const part = Buffer.alloc(MB, 'x');
  for (let sent = 0; sent < size; sent += part.length) {
    if (!socket.write(part)) {
      await once(socket, 'drain');
    }
  }
}

async function host(t, upstream, version) {
  const child = spawn(process.execPath, [join(HERE, 'helpers', 'memory_host.mjs'), upstream.url, version], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => Number((await lines.next()).value);
  return {
    port: await next(),
    peak: () => {
      child.stdin.write('\n');
      return next();
    },
  };
}

for (const version of ['express4', 'express5']) {
  test(`200 MB up through a slow sidecar [${version}]`, async (t) => {
    const upstream = await new ScriptedUpstream(async (call) => {
      const head = await call.head();
      assert.equal(head.get('content-length'), String(SIZE));
      const already = call.buffer.length;
      call.socket.removeAllListeners('data');
      await takeSlowly(call.socket, SIZE - already);
      call.answer('done');
    }).listen();
    const { port, peak } = await host(t, upstream, version);
    const idle = await peak();
    const wire = await connect(port);
    wire.send(request('/api/x', [`Content-Length: ${SIZE}`], { method: 'POST' }));
    await pour(wire.socket, SIZE);
    assert.equal((await wire.response()).text, 'done');
    const most = await peak();
    t.diagnostic(`idle ${Math.round(idle)} MB, peak ${Math.round(most)} MB`);
    assert.ok(most - idle < MOST_MB, `${idle} -> ${most}`);
    wire.close();
    await upstream.close();
  });

  test(`200 MB down to a slow client [${version}]`, async (t) => {
    const upstream = await new ScriptedUpstream(async (call) => {
      await call.request();
      call.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIZE}\r\n\r\n`);
      await pour(call.socket, SIZE);
      await call.atEnd();
    }).listen();
    const { port, peak } = await host(t, upstream, version);
    const idle = await peak();
    const wire = await connect(port);
    wire.send(request());
    await wire.head();
    const already = wire.buffer.length;
    wire.socket.removeAllListeners('data');
    await takeSlowly(wire.socket, SIZE - already);
    const most = await peak();
    t.diagnostic(`idle ${Math.round(idle)} MB, peak ${Math.round(most)} MB`);
    assert.ok(most - idle < MOST_MB, `${idle} -> ${most}`);
    wire.close();
    await upstream.close();
  });
}
