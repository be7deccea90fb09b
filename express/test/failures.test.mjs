// When the upstream fails: each failure its own status, always JSON, never a hang.

import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { explained, onBoth } from './helpers/stage.mjs';
import { gate, request, sleep } from './helpers/wire.mjs';

for (const method of ['GET', 'POST']) {
  onBoth(`an upstream that refuses connections is 503 with Retry-After (${method})`, async (stage) => {
    stage.upstream.stopListening();
    const response = await stage.ask('/api/x', ['Content-Length: 0'], { method });
    const answer = explained(response, 503, 'sidecar_unavailable');
    assert.match(answer.message, /connection refused/);
    assert.equal(response.get('retry-after'), '1');
    assert.ok(response.get('date'));
    const event = await stage.event();
    assert.deepEqual([event.outcome, event.status, event.firstByteMs], ['unreachable', 503, null]);
  });

  onBoth(`an upstream that closes without an answer is 502 (${method})`, async (stage) => {
    await stage.setUp(async (call) => void (await call.request()));
    explained(await stage.ask('/api/x', ['Content-Length: 0'], { method }), 502, 'upstream_failed');
    assert.equal(stage.upstream.calls.length, 1); // on a fresh connection: nothing to repeat
    assert.equal((await stage.event()).outcome, 'upstream_failed');
  });
}

onBoth('a missing Unix socket is 503', async (stage) => {
  stage.sidecar.beReady(`unix:${join(tmpdir(), 'mediabridge-no-such.sock')}`);
  explained(await stage.ask(), 503, 'sidecar_unavailable');
});

onBoth('a refused connection is told in the words of a supervisor that knows better', async (stage) => {
  stage.upstream.stopListening();
  const ready = stage.sidecar.whyNotReady.bind(stage.sidecar);
  const failure = { error: 'Flask server unavailable', message: 'It was killed by SIGKILL', suggestion: 'Run: mediabridge doctor' };
  let asked = 0;
  stage.sidecar.whyNotReady = () => {
    if (asked++ > 0) {
      stage.sidecar.beAway({ why: 'gave_up', failure, retryAfterSeconds: 3.2 });
    }
    return ready();
  };
  const response = await stage.ask();
  assert.equal(explained(response, 503, 'sidecar_unavailable').message, 'It was killed by SIGKILL');
  assert.equal(response.get('retry-after'), '4');
});

onBoth('an upstream that breaks off inside its head is 502', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nContent-Le');
  });
  explained(await stage.ask(), 502, 'upstream_failed');
});

const NO_HTTP = [
  'HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 888 Odd\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 000 Odd\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 1000 Odd\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  'HTTP/1.1 199 Odd\r\n\r\n',
  'HTTP/2.0 200 OK\r\n\r\n',
  'SSH-2.0-OpenSSH_9.2\r\n',
  '\x16\x03\x01\x02\x00',
  'HTTP/1.1 200 OK\nContent-Length: 2\n\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 0\r\n\r\n',
  `HTTP/1.1 200 OK\r\n${'X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n'.repeat(10_000)}`,
];

onBoth('an answer that is no HTTP is 502, and the host lives', async (stage) => {
  for (const answer of NO_HTTP) {
    await stage.setUp(async (call) => {
      await call.request();
      call.send(answer);
      await call.atEnd();
    });
    explained(await stage.ask(), 502, 'upstream_failed');
    assert.equal((await stage.ask('/nothing')).status, 404);
  }
});

const NO_CHUNKS = ['zz\r\n', '5\r\nhelloX\r\n', '-1\r\n', `${'1'.repeat(5000)}`, '0x5\r\nhello\r\n', '5\nhello\n', 'fffffffffffff\r\n'];

onBoth('an answer that stops being HTTP is cut off', async (stage) => {
  for (const chunk of NO_CHUNKS) {
    await stage.setUp(async (call) => {
      await call.request();
      call.send(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n${chunk}`);
      await call.atEnd();
    });
    assert.equal((await stage.ask()).complete, false, chunk);
  }
});

for (const method of ['GET', 'POST']) {
  onBoth(`no response head in time is 504 (${method})`, async (stage) => {
    const closed = gate();
    await stage.setUp(async (call) => {
      await call.request();
      assert.ok(await call.atEnd());
      closed.open();
    }, { timeouts: { firstByteMs: 300 } });
    const began = performance.now();
    explained(await stage.ask('/api/x', ['Content-Length: 0'], { method }), 504, 'upstream_timeout');
    const took = performance.now() - began;
    assert.ok(took >= 290 && took < 2000, `${took}`);
    assert.equal((await stage.event()).outcome, 'upstream_timeout');
    await closed.opened();
  });
}

onBoth('no connection in time is 504', async (stage) => {
  await stage.setUp(undefined, { timeouts: { connectMs: 100 } });
  // A listener that accepts nothing more: its queue is full, and further connections get no answer.
  const { createServer, connect } = await import('node:net');
  const full = createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 });
  await new Promise((resolve) => full.once('listening', resolve));
  full._handle?.unref?.();
  const { port } = full.address();
  full.close(); // refuses at once where the system does not queue
  stage.sidecar.beReady(`http://127.0.0.1:${port}`);
  const response = await stage.ask();
  assert.ok([503, 504].includes(response.status));
  connect({ port, host: '127.0.0.1' }).on('error', () => {});
});

onBoth('a slow upload does not count against the first byte', async (stage) => {
  await stage.setUp(undefined, { timeouts: { firstByteMs: 300, clientIdleMs: 5000 } });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 8'], { method: 'POST' }));
  for (let at = 0; at < 8; at++) {
    assert.ok(await wire.isQuiet(80));
    wire.send('x');
  }
  assert.equal((await wire.response()).status, 200);
});

onBoth('a response that stops is cut off', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\npart');
    await call.atEnd();
  }, { timeouts: { idleMs: 300 } });
  const response = await stage.ask();
  assert.deepEqual([response.text, response.complete], ['part', false]);
  const event = await stage.event();
  assert.deepEqual([event.outcome, event.aborted], ['upstream_timeout', true]);
});

onBoth('a response that a client takes slowly is not cut off', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer(Buffer.alloc(30_000_000));
    await call.atEnd();
  }, { timeouts: { idleMs: 200 } });
  const wire = await stage.client();
  wire.send(request());
  const head = await wire.head();
  wire.socket.pause();
  await sleep(700);
  wire.socket.resume();
  assert.ok((await wire.body(head)).complete);
});

onBoth('an upstream that takes no body is 504', async (stage) => {
  const released = gate();
  await stage.setUp(async (call) => {
    await call.head();
    call.socket.pause();
    await released.promise;
  }, { timeouts: { idleMs: 400, clientIdleMs: 5000 } });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 100000000'], { method: 'POST' }), Buffer.alloc(100_000_000));
  explained(await wire.response(), 504, 'upstream_timeout');
  released.open();
});

onBoth('a client that stops in mid-upload is 408', async (stage) => {
  await stage.setUp(async (call) => {
    await call.head();
    assert.equal(String(await call.exactly(10)), 'part');
  }, { timeouts: { clientIdleMs: 300 } });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 10'], { method: 'POST' }), 'part');
  const response = await wire.response();
  explained(response, 408, 'request_timeout');
  assert.equal(response.get('connection'), 'close');
  assert.ok(await wire.atEnd());
  assert.equal((await stage.event()).outcome, 'client_too_slow');
});

onBoth('a failure leaves the client\'s connection usable', async (stage) => {
  await stage.setUp(async (call) => void (await call.request()));
  const wire = await stage.client();
  for (let round = 0; round < 3; round++) {
    wire.send(request());
    explained(await wire.response(), 502, 'upstream_failed');
  }
});

onBoth('a 503 of the upstream passes as it is and is not repeated', async (stage) => {
  await stage.setUp(async (call) => {
    while (await call.request()) {
      call.answer('busy', ['Retry-After: 2'], '503 Service Unavailable');
    }
  });
  const response = await stage.ask();
  assert.deepEqual([response.status, response.get('retry-after'), response.text], [503, '2', 'busy']);
  assert.equal(stage.upstream.count, 1);
});

onBoth('errors answer HEAD without a body', async (stage) => {
  stage.upstream.stopListening();
  const wire = await stage.client();
  for (let round = 0; round < 2; round++) {
    wire.send(request('/api/x', [], { method: 'HEAD' }));
    const response = await wire.response('HEAD');
    assert.equal(response.status, 503);
    assert.ok(Number(response.get('content-length')) > 0);
  }
});
