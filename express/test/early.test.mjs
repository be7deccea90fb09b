// Answers that come before the body: limits, Expect: 100-continue, an upstream that has decided already.

import assert from 'node:assert/strict';
import { explained, onBoth } from './helpers/stage.mjs';
import { gate, request, sleep } from './helpers/wire.mjs';

const POST = { method: 'POST' };

onBoth('an announced body over the limit is 413, and nothing is opened', async (stage) => {
  await stage.setUp(undefined, { maxBodyBytes: 1000 });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 1001'], POST));
  const head = await wire.head();
  assert.deepEqual([head.status, head.get('connection')], [413, 'close']);
  assert.equal(explained(await wire.body(head), 413, 'payload_too_large').limitBytes, 1000);
  assert.ok(await wire.atEnd());
  assert.equal(stage.upstream.calls.length, 0);
  assert.equal((await stage.event()).outcome, 'too_large');
});

onBoth('413 is not lost under a body that is being sent', async (stage) => {
  await stage.setUp(undefined, { maxBodyBytes: 1000 });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 5000000'], POST), Buffer.alloc(5_000_000));
  const response = await wire.response();
  assert.deepEqual([response.status, response.complete], [413, true]);
});

onBoth('a body at the limit passes', async (stage) => {
  await stage.setUp(undefined, { maxBodyBytes: 5 });
  assert.equal((await stage.ask('/api/x', ['Content-Length: 5'], { ...POST, body: 'hello' })).status, 200);
  const body = '5\r\nhello\r\n0\r\n\r\n';
  assert.equal((await stage.ask('/api/x', ['Transfer-Encoding: chunked'], { ...POST, body })).status, 200);
});

onBoth('a chunked body over the limit is 413 and never a whole request', async (stage) => {
  await stage.setUp(async (call) => {
    const received = await call.request();
    assert.ok(received === null || !received.complete);
  }, { maxBodyBytes: 10 });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Transfer-Encoding: chunked'], POST), '5\r\nhello\r\n', '6\r\nworld!\r\n');
  const response = await wire.response();
  assert.deepEqual([response.status, response.get('connection')], [413, 'close']);
  assert.ok(await wire.atEnd());
  assert.equal((await stage.event()).outcome, 'too_large');
});

onBoth('attached: Expect is carried end to end, and the 100 is the upstream\'s', async (stage) => {
  const asked = gate();
  const allowed = gate();
  await stage.setUp(async (call) => {
    assert.equal((await call.head()).get('expect'), '100-continue');
    asked.open();
    await allowed.opened();
    call.send('HTTP/1.1 100 Continue\r\n\r\n');
    assert.equal(String(await call.exactly(5)), 'hello');
    call.answer();
  }, { attach: true, timeouts: { continueMs: 30_000 } });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 5', 'Expect: 100-continue'], POST));
  await asked.opened();
  assert.ok(await wire.isQuiet(150));
  allowed.open();
  assert.equal((await wire.head()).status, 100);
  wire.send('hello');
  assert.equal((await wire.response()).status, 200);
});

onBoth('attached: Expect does not wait for ever', async (stage) => {
  // This upstream reads the body without ever saying 100.
  await stage.setUp(undefined, { attach: true, timeouts: { continueMs: 100 } });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 5', 'Expect: 100-continue'], POST));
  assert.equal((await wire.head()).status, 100);
  wire.send('hello');
  assert.equal((await wire.response()).status, 200);
  assert.equal((await stage.upstream.take()).text, 'hello');
});

for (const framing of ['Content-Length: 5', 'Transfer-Encoding: chunked']) {
  onBoth(`attached: a final answer instead of 100 passes, and no body is asked for (${framing})`, async (stage) => {
    const ended = gate();
    await stage.setUp(async (call) => {
      await call.head();
      call.answer('no', [], '401 Unauthorized');
      assert.ok(await call.atEnd()); // and not a byte of a body
      ended.open();
    }, { attach: true, timeouts: { continueMs: 30_000 } });
    const wire = await stage.client();
    wire.send(request('/api/x', [framing, 'Expect: 100-continue'], POST));
    const head = await wire.head();
    assert.deepEqual([head.status, head.get('connection')], [401, 'close']);
    assert.equal((await wire.body(head)).text, 'no');
    assert.ok(await wire.atEnd());
    assert.equal((await stage.event()).bytesIn, 0);
    await ended.opened();
  });

  onBoth(`attached: 503 comes before the body and without a 100 (${framing})`, async (stage) => {
    await stage.setUp(undefined, { attach: true });
    stage.sidecar.beAway();
    const wire = await stage.client();
    wire.send(request('/api/x', [framing, 'Expect: 100-continue'], POST));
    const head = await wire.head();
    // The client may or may not send the body now: only closing tells the next request from it.
    assert.deepEqual([head.status, head.get('connection')], [503, 'close']);
    explained(await wire.body(head), 503, 'sidecar_unavailable');
    assert.ok(await wire.atEnd());
    assert.equal((await stage.event()).bytesIn, 0);
  });
}

onBoth('attached: 413 comes without a 100', async (stage) => {
  await stage.setUp(undefined, { attach: true, maxBodyBytes: 1000 });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 50000000', 'Expect: 100-continue'], POST));
  assert.equal((await wire.head()).status, 413);
});

onBoth('attached: a middleware in front that reads the body gets it', async (stage) => {
  const before = [stage.express.text({ type: '*/*' }), (req, res) => res.end(`host: ${req.body}`)];
  await stage.setUp(undefined, { attach: true, before });
  const wire = await stage.client();
  const fields = ['Content-Type: text/plain', 'Content-Length: 5', 'Expect: 100-continue'];
  wire.send(request('/api/x', fields, POST));
  assert.equal((await wire.head()).status, 100);
  wire.send('hello');
  assert.equal((await wire.response()).text, 'host: hello');
});

onBoth('attached: the host\'s own paths keep Node\'s way', async (stage) => {
  await stage.setUp(undefined, { attach: true });
  const wire = await stage.client();
  wire.send(request('/mine', ['Content-Length: 5', 'Expect: 100-continue'], POST));
  assert.equal((await wire.head()).status, 100);
  wire.send('hello');
  assert.equal((await wire.response()).json.code, 'host');
});

onBoth('attached: what Node cannot read is answered in JSON', async (stage) => {
  await stage.setUp(undefined, { attach: true });
  const odd = { 'GET @evil/x HTTP/1.1\r\nHost: a\r\n\r\n': 400, [request('/api/x', [`X-A: ${'a'.repeat(20_000)}`])]: 431 };
  for (const [text, status] of Object.entries(odd)) {
    const wire = await stage.client();
    wire.send(text);
    const response = await wire.response();
    explained(response, status, 'invalid_request');
    assert.equal(response.get('connection'), 'close');
    assert.ok(await wire.atEnd());
  }
});

onBoth('attached: a response in the middle is not written into', async (stage) => {
  const goOn = gate();
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345');
    await goOn.promise;
  }, { attach: true });
  const wire = await stage.client();
  wire.send(request());
  await wire.until('12345');
  wire.send('garbage\r\n\r\n');
  assert.equal(await wire.fill(), false);
  assert.equal(wire.buffer.length, 0);
  goOn.open();
});

onBoth('attaching can be undone, and is refused where somebody else has', async (stage) => {
  assert.throws(() => {
    stage.sidecar.attach(stage.server);
    stage.sidecar.attach(stage.server);
  }, TypeError);
  await stage.setUp();
  stage.sidecar.attach(stage.server)();
  assert.equal(stage.server.listenerCount('checkContinue'), 0);
  assert.equal(stage.server.listenerCount('request'), 1);
});

onBoth('unattached: Node says 100 by itself, and no Expect goes on', async (stage) => {
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 5', 'Expect: 100-continue'], POST));
  assert.equal((await wire.head()).status, 100);
  wire.send('hello');
  assert.equal((await wire.response()).status, 200);
  assert.equal((await stage.upstream.take()).get('expect'), null);
});

for (const closes of [false, true]) {
  onBoth(`an early answer passes while the client still sends (upstream closes: ${closes})`, async (stage) => {
    await stage.setUp(async (call) => {
      await call.head();
      call.answer('too big', [], '413 Content Too Large');
      if (!closes) {
        await call.atEnd().catch(() => {});
      }
    });
    const wire = await stage.client();
    wire.send(request('/api/x', ['Content-Length: 100000000'], POST), Buffer.alloc(100_000));
    const head = await wire.head();
    assert.deepEqual([head.status, head.get('connection')], [413, 'close']);
    assert.equal((await wire.body(head)).text, 'too big');
    wire.close();
  });
}

onBoth('an early answer reaches a client that sends everything first', async (stage) => {
  // 8 MB are more than all buffers hold: the answer must survive what is still unread when it is given.
  await stage.setUp(async (call) => {
    await call.head();
    call.answer('too big', [], '413 Content Too Large');
    while (await call.fill());
  });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 8000000'], POST), Buffer.alloc(8_000_000));
  assert.deepEqual([(await wire.response()).text], ['too big']);
});

onBoth('an answer under which the upstream resets the connection is not lost', async (stage) => {
  await stage.setUp(async (call) => {
    await call.head();
    call.socket.pause();
    call.answer('too big', [], '413 Content Too Large');
    await sleep(20);
    call.socket.destroy(); // with unread bytes of the body: the system sends RST
  });
  for (let round = 0; round < 5; round++) {
    const wire = await stage.client();
    wire.send(request('/api/x', ['Content-Length: 4000000'], POST), Buffer.alloc(1_000_000));
    const head = await wire.head();
    assert.deepEqual([head.status, (await wire.body(head)).text], [413, 'too big']);
    wire.close();
  }
});

onBoth('a write that fails under an unread answer does not lose it', async (stage) => {
  // The upstream answers and is gone before the next part of the body is written to it.
  const answered = gate();
  await stage.setUp(async (call) => {
    await call.head();
    await call.exactly(4);
    call.answer('too big', [], '413 Content Too Large');
    answered.open();
  });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Transfer-Encoding: chunked'], POST), '4\r\nbody\r\n');
  await answered.opened();
  for (let part = 0; part < 20; part++) {
    wire.send('4\r\nmore\r\n');
    await sleep(1);
  }
  assert.equal((await wire.response()).status, 413);
});
