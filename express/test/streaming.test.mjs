// Bodies on their way: at once, both ways, whole or visibly broken.

import assert from 'node:assert/strict';
import { onBoth } from './helpers/stage.mjs';
import { gate, request, sleep } from './helpers/wire.mjs';

onBoth('an upload streams', async (stage) => {
  const firstSeen = gate();
  await stage.setUp(async (call) => {
    await call.head();
    assert.equal(String(await call.exactly(5)), 'first');
    firstSeen.open();
    assert.equal(String(await call.exactly(6)), 'second');
    call.answer();
  });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 11'], { method: 'POST' }), 'first');
  await firstSeen.opened();
  wire.send('second');
  assert.equal((await wire.response()).status, 200);
});

onBoth('a chunked upload streams as chunks, with its trailers', async (stage) => {
  const firstSeen = gate();
  await stage.setUp(async (call) => {
    const head = await call.head();
    assert.equal(head.get('transfer-encoding'), 'chunked');
    assert.equal(head.get('trailer'), 'X-Sum');
    assert.equal(String(await call.chunk()), 'first');
    firstSeen.open();
    assert.equal(String(await call.chunk(head)), 'second');
    assert.equal(String(await call.chunk(head)), '');
    assert.deepEqual(head.trailers, [['x-sum', '1']]); // and no other, see `headers.trailers`
    call.answer();
  });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Transfer-Encoding: chunked', 'Trailer: X-Sum'], { method: 'POST' }));
  wire.send('5;ext=1\r\nfirst\r\n');
  await firstSeen.opened();
  wire.send('6\r\nsecond\r\n0\r\nX-Sum: 1\r\nX-Forwarded-For: 1.2.3.4\r\nHost: evil.test\r\n\r\n');
  assert.equal((await wire.response()).status, 200);
});

for (const [framing, body] of [['Transfer-Encoding: chunked', '5\r\nfirst\r\n'], ['Content-Length: 100', 'first']]) {
  onBoth(`a client gone in mid-upload leaves a request cut off (${framing})`, async (stage) => {
    const begun = gate();
    const cut = gate();
    await stage.setUp(async (call) => {
      await call.head();
      await call.until('first');
      begun.open();
      assert.equal(await call.until('0\r\n\r\n'), null); // the end came, and no last chunk before it
      cut.open();
    });
    const wire = await stage.client();
    wire.send(request('/api/x', [framing], { method: 'POST' }), body);
    await begun.opened();
    wire.close();
    const event = await stage.event();
    assert.deepEqual([event.outcome, event.status, event.bytesIn], ['client_gone', 499, 5]);
    await cut.opened();
  });
}

for (const framing of [[], ['Content-Length: 3']]) {
  onBoth(`a client gone while the upstream thinks closes the upstream call (${framing})`, async (stage) => {
    const thinking = gate();
    const left = gate();
    await stage.setUp(async (call) => {
      await call.request();
      thinking.open();
      assert.ok(await call.atEnd());
      left.open();
    });
    const wire = await stage.client();
    wire.send(request('/api/x', framing), framing.length > 0 ? 'abc' : '');
    await thinking.opened();
    const at = performance.now();
    wire.close();
    await left.opened();
    assert.ok(performance.now() - at < 500);
    assert.equal((await stage.event()).outcome, 'client_gone');
  });
}

onBoth('server-sent events pass at once and stop with the client', async (stage) => {
  const received = [gate(), gate(), gate()];
  const stopped = gate();
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n');
    for (const one of received) {
      call.send('9\r\ndata: x\n\n\r\n');
      await one.opened(); // the next one only when the client has this one
    }
    assert.ok(await call.atEnd());
    stopped.open();
  });
  const wire = await stage.client();
  wire.send(request());
  assert.equal((await wire.head()).get('content-type'), 'text/event-stream');
  for (const one of received) {
    assert.equal(String(await wire.chunk()), 'data: x\n\n');
    one.open();
  }
  wire.close();
  await stopped.opened();
  assert.equal((await stage.event()).outcome, 'client_gone');
});

onBoth('a slow body with a length passes at once, its head before it', async (stage) => {
  const steps = [gate(), gate(), gate()];
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n');
    await steps[0].opened();
    call.send('ab');
    await steps[1].opened();
    call.send('cd');
    await steps[2].opened();
  });
  const wire = await stage.client();
  wire.send(request());
  assert.equal((await wire.head()).get('content-length'), '4');
  steps[0].open();
  assert.equal(String(await wire.exactly(2)), 'ab');
  steps[1].open();
  assert.equal(String(await wire.exactly(2)), 'cd');
  steps[2].open();
});

onBoth('both directions stream at the same time', async (stage) => {
  await stage.setUp(async (call) => {
    await call.head();
    call.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
    let chunk;
    while ((chunk = await call.chunk()).length > 0) {
      call.send(`${chunk.length.toString(16)}\r\n${String(chunk).toUpperCase()}\r\n`);
    }
    call.send('0\r\n\r\n');
  });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Transfer-Encoding: chunked'], { method: 'POST' }));
  assert.ok(await wire.head());
  for (const part of ['one', 'two', 'six']) {
    wire.send(`3\r\n${part}\r\n`);
    assert.equal(String(await wire.chunk()), part.toUpperCase());
  }
  wire.send('0\r\n\r\n');
  assert.equal(String(await wire.chunk()), '');
  assert.equal((await stage.event()).outcome, 'ok');
});

const STARTS = ['Content-Length: 100\r\n\r\npart', 'Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'];

for (const start of STARTS) {
  for (const reset of [false, true]) {
    onBoth(`a response cut off upstream is cut off here (${start.slice(0, 17)}, reset ${reset})`, async (stage) => {
      const goOn = gate();
      await stage.setUp(async (call) => {
        await call.request();
        call.send(`HTTP/1.1 200 OK\r\n${start}`);
        await goOn.opened();
        if (reset) {
          call.reset();
        }
      });
      const wire = await stage.client();
      wire.send(request());
      const head = await wire.head();
      assert.equal(head.status, 200);
      while (!wire.buffer.includes('part')) {
        assert.ok(await wire.fill());
      }
      goOn.open();
      await wire.body(head);
      assert.equal(head.complete, false);
      const event = await stage.event();
      assert.deepEqual([event.outcome, event.aborted], ['upstream_failed', true]);
    });
  }
}

onBoth('a response cut off at once is never taken for a whole one', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789');
  });
  const response = await stage.ask();
  assert.deepEqual([response.text, response.complete], ['0123456789', false]);
});

onBoth('a response without length lasts until the connection ends', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nhello ');
    call.send('world');
  });
  const response = await stage.ask();
  assert.deepEqual([response.text, response.complete], ['hello world', true]);
  assert.equal(response.get('transfer-encoding'), 'chunked');
});

onBoth('a response without length that is reset is cut off', async (stage) => {
  const goOn = gate();
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\n\r\nhello');
    await goOn.opened();
    call.reset();
  });
  const wire = await stage.client();
  wire.send(request());
  assert.ok(await wire.head());
  assert.equal(String(await wire.chunk()), 'hello');
  goOn.open();
  assert.equal(await wire.chunk(), null);
});

onBoth('an HTTP/1.0 client sees a response without length cut off as a reset', async (stage) => {
  const goOn = gate();
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
    await goOn.opened();
  });
  const wire = await stage.client();
  let error = null;
  wire.socket.on('error', (problem) => (error = problem));
  wire.send('GET /api/x HTTP/1.0\r\n\r\n');
  assert.equal((await wire.head()).get('transfer-encoding'), null);
  assert.equal(String(await wire.exactly(5)), 'hello');
  goOn.open();
  assert.equal(await wire.fill(), false);
  assert.equal(error?.code, 'ECONNRESET');
});

for (const fields of ['Content-Length: 1234', 'Transfer-Encoding: chunked', 'X-A: 1']) {
  onBoth(`HEAD keeps its headers and has no body (${fields})`, async (stage) => {
    await stage.setUp(async (call) => {
      while (await call.request()) {
        call.send(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`);
      }
    });
    const wire = await stage.client();
    for (let round = 0; round < 2; round++) {
      wire.send(request('/api/x', [], { method: 'HEAD' }));
      const head = await wire.response('HEAD');
      assert.equal(head.status, 200);
      assert.equal(head.get('content-length'), fields.includes('1234') ? '1234' : null);
    }
    assert.equal(wire.buffer.length, 0);
  });
}

onBoth('204 and 304 have no body', async (stage) => {
  for (const status of ['204 No Content', '304 Not Modified']) {
    for (const fields of ['', 'Content-Length: 5\r\n', 'ETag: "x"\r\n']) {
      await stage.setUp(async (call) => {
        while (await call.request()) {
          call.send(`HTTP/1.1 ${status}\r\n${fields}\r\n`);
        }
      });
      const wire = await stage.client();
      for (let round = 0; round < 2; round++) {
        wire.send(request());
        const response = await wire.response();
        assert.equal(response.start, `HTTP/1.1 ${status}`);
        assert.equal(response.get('content-length'), null);
        assert.equal(response.get('transfer-encoding'), null);
        assert.equal(response.get('etag'), fields.includes('ETag') ? '"x"' : null);
      }
    }
  }
});

onBoth('early hints and processing pass before the answer', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload; as=style\r\nX-A: 1\r\n\r\n');
    call.send('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n');
    call.answer('final');
  });
  const wire = await stage.client();
  wire.send(request());
  const hints = await wire.head();
  assert.deepEqual([hints.status, hints.get('link')], [103, '</a>; rel=preload; as=style']);
  assert.equal((await wire.head()).status, 102);
  const response = await wire.response();
  assert.deepEqual([response.status, response.text, response.get('link')], [200, 'final', null]);
});

onBoth('hints that Node would refuse are left out, the answer is not', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 103 Early Hints\r\nLink: <not valid\r\n\r\n');
    call.answer('final');
  });
  assert.equal((await stage.ask()).text, 'final');
});

onBoth('trailers of a response pass', async (stage) => {
  await stage.setUp(async (call) => {
    while (await call.request()) {
      call.send('HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n');
      call.send('2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Sum: 2\r\nContent-Length: 7\r\n\r\n');
    }
  });
  const wire = await stage.client();
  for (let round = 0; round < 2; round++) {
    wire.send(request());
    const response = await wire.response();
    assert.deepEqual([response.text, response.get('trailer'), response.complete], ['ok', 'X-Sum', true]);
    assert.deepEqual(response.trailers, [['x-sum', '1'], ['x-sum', '2']]);
  }
  assert.equal(stage.upstream.calls.length, 1);
});

onBoth('large bodies arrive whole both ways', async (stage) => {
  const body = Buffer.alloc(5_000_000, Buffer.from(Uint8Array.from({ length: 251 }, (_, at) => at)));
  await stage.setUp(async (call) => {
    const received = await call.request();
    call.send(`HTTP/1.1 200 OK\r\nContent-Length: ${received.body.length}\r\n\r\n`, received.body);
  });
  const wire = await stage.client();
  wire.send(request('/api/x', [`Content-Length: ${body.length}`], { method: 'POST' }), body);
  const response = await wire.response();
  assert.ok(response.body.equals(body));
  const event = await stage.event();
  assert.deepEqual([event.bytesIn, event.bytesOut], [body.length, body.length]);
});

onBoth('many small chunks arrive whole and in order', async (stage) => {
  const numbers = Array.from({ length: 3000 }, (_, at) => `${at},`);
  await stage.setUp(async (call) => {
    await call.request();
    const chunks = numbers.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('');
    const all = Buffer.from(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);
    for (let at = 0; at < all.length; at += 997) {
      call.send(all.subarray(at, at + 997)); // cuts sizes, data and line ends alike
      await sleep(at % 3 === 0 ? 1 : 0);
    }
  });
  assert.equal((await stage.ask()).text, numbers.join(''));
});

onBoth('a client that does not read makes the upstream wait', async (stage) => {
  const stuck = gate();
  let sent = 0;
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n');
    const part = Buffer.alloc(1_000_000);
    while (sent < 200_000_000 && (await written(call.socket, part, 500))) {
      sent += part.length;
    }
    stuck.open();
  });
  const wire = await stage.client();
  wire.send(request());
  await wire.head();
  wire.socket.pause();
  await stuck.opened();
  assert.ok(sent < 40_000_000, `${sent} bytes were taken`); // kernel buffers of two sockets, and little of ours
  wire.close();
  await stage.event();
});

onBoth('an upstream that does not read makes the client wait', async (stage) => {
  await stage.setUp(async (call) => {
    await call.head();
    call.socket.pause();
    await sleep(1500);
  });
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 1000000000'], { method: 'POST' }));
  const part = Buffer.alloc(1_000_000);
  let sent = 0;
  while (sent < 200_000_000 && (await written(wire.socket, part, 500))) {
    sent += part.length;
  }
  assert.ok(sent < 40_000_000, `${sent} bytes were taken`);
});

/** Whether the kernel takes it in time. */
function written(socket, part, ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), ms);
    socket.write(part, (error) => {
      clearTimeout(timer);
      resolve(!error);
    });
  });
}
