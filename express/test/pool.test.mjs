// Connections to the upstream: which are used again, which are not, and what is repeated.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Endpoint } from '../lib/endpoints.js';
import { ScriptedUpstream } from './helpers/scripted.mjs';
import { onBoth } from './helpers/stage.mjs';
import { gate, request, sleep } from './helpers/wire.mjs';

const POST = { method: 'POST', body: 'ab' };
const TWO = ['Content-Length: 2'];

onBoth('connections are reused', async (stage) => {
  for (const [fields, body] of [[[], ''], [TWO, 'ab'], [['Transfer-Encoding: chunked'], '0\r\n\r\n']]) {
    assert.equal((await stage.ask('/api/x', fields, { method: 'POST', body })).status, 200);
  }
  assert.equal(stage.upstream.calls.length, 1);
});

onBoth('the one used last is used next', async (stage) => {
  let waiting = 0;
  const both = gate();
  await stage.setUp(async (call) => {
    let received;
    while ((received = await call.request())) {
      if (received.target === '/api/both') {
        if (++waiting === 2) {
          both.open();
        }
        await both.opened();
      }
      call.answer(String(call.number));
    }
  });
  const wires = [await stage.client(), await stage.client()];
  wires.forEach((wire) => wire.send(request('/api/both')));
  await Promise.all(wires.map((wire) => wire.response()));
  const used = [];
  for (let round = 0; round < 3; round++) {
    used.push((await stage.ask()).text);
  }
  assert.equal(new Set(used).size, 1);
});

onBoth('keep-alive race: a GET is repeated once', async (stage) => {
  // The upstream takes the second request of a connection and closes without a byte.
  await stage.setUp(async (call) => {
    await call.request();
    call.answer();
    await call.request();
  });
  for (let round = 0; round < 3; round++) {
    assert.equal((await stage.ask()).status, 200);
  }
  assert.equal(stage.upstream.count, 5);
});

onBoth('keep-alive race: a POST is not repeated', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer();
    await call.request();
  });
  assert.equal((await stage.ask('/api/x', TWO, POST)).status, 200);
  assert.equal((await stage.ask('/api/x', TWO, POST)).status, 502);
  assert.equal(stage.upstream.count, 2); // each arrived once
});

onBoth('a POST uses no connection that the upstream has closed', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer();
  });
  for (let round = 0; round < 20; round++) {
    assert.equal((await stage.ask('/api/x', TWO, POST)).status, 200);
  }
});

onBoth('a POST on its heels uses no connection that the upstream has closed meanwhile', async (stage) => {
  // Both requests are in the proxy's socket before it looks: the close of the first connection is still unseen.
  await stage.setUp(async (call) => {
    await call.request();
    call.answer();
    call.reset();
  });
  for (let round = 0; round < 20; round++) {
    const wire = await stage.client();
    const post = request('/api/x', TWO, { method: 'POST' });
    wire.send(post, 'ab', post, 'ab');
    assert.deepEqual([(await wire.response()).status, (await wire.response()).status], [200, 200]);
    wire.close();
  }
});

onBoth('a repeated request is repeated only once', async (stage) => {
  await stage.setUp(async (call) => {
    if (call.number === 1) {
      await call.request();
      call.answer();
    }
    await call.request();
  });
  assert.deepEqual([(await stage.ask()).status, (await stage.ask()).status], [200, 502]);
  assert.equal(stage.upstream.count, 3);
});

onBoth('nothing is repeated after a byte of an answer', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer();
    await call.request();
    call.send('HTTP/1.1 2');
  });
  assert.deepEqual([(await stage.ask()).status, (await stage.ask()).status], [200, 502]);
  assert.equal(stage.upstream.count, 2);
});

onBoth('a connection with stray bytes is not reused', async (stage) => {
  for (const stray of ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong', 'x', '\r\n']) {
    let closed = gate();
    await stage.setUp(async (call) => {
      await call.request();
      call.answer('right');
      await stage.event(); // the connection is idle now
      call.send(stray);
      assert.ok(await call.atEnd());
      closed.open();
    });
    for (let number = 1; number < 4; number++) {
      closed = gate();
      assert.equal((await stage.ask()).text, 'right');
      await closed.opened();
      assert.equal(stage.upstream.calls.length, number);
    }
  }
});

onBoth('a second answer in the same packet is nobody\'s', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    const answers = ['right', 'wrong'].map((text) => `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n${text}`);
    call.send(...answers);
    assert.ok(await call.atEnd());
  });
  for (let number = 1; number < 4; number++) {
    assert.equal((await stage.ask()).text, 'right');
    assert.equal(stage.upstream.calls.length, number);
  }
});

onBoth('a body behind an answer to HEAD, 204 or 304 is nobody\'s', async (stage) => {
  for (const [method, status] of [['HEAD', '200 OK'], ['GET', '204 No Content'], ['GET', '304 Not Modified']]) {
    await stage.setUp(async (call) => {
      await call.request();
      if (call.number === 1) {
        call.send(`HTTP/1.1 ${status}\r\nContent-Length: 5\r\n\r\nwrong`);
        await call.atEnd();
      } else {
        call.answer('right');
      }
    });
    const wire = await stage.client();
    wire.send(request('/api/x', [], { method }));
    await wire.response(method);
    wire.send(request());
    assert.equal((await wire.response()).text, 'right');
  }
});

onBoth('a connection that the upstream will close is not reused', async (stage) => {
  for (const start of ['HTTP/1.1 200 OK\r\nConnection: close', 'HTTP/1.1 200 OK\r\nconnection: X-A, Close', 'HTTP/1.0 200 OK']) {
    await stage.setUp(async (call) => {
      await call.request();
      call.send(`${start}\r\nContent-Length: 2\r\n\r\nok`);
      assert.ok(await call.atEnd());
    });
    for (let number = 1; number < 4; number++) {
      assert.equal((await stage.ask()).status, 200);
      assert.equal(stage.upstream.calls.length, number);
    }
  }
});

onBoth('idle connections grow old and are closed', async (stage) => {
  const closed = gate();
  await stage.setUp(async (call) => {
    await call.request();
    call.answer();
    assert.ok(await call.atEnd());
    closed.open();
  }, { timeouts: { poolIdleMs: 200 } });
  await stage.ask();
  await closed.opened();
});

onBoth('idle connections are closed when the sidecar is stopped', async (stage) => {
  const closed = gate();
  await stage.setUp(async (call) => {
    await call.request();
    call.answer();
    assert.ok(await call.atEnd());
    closed.open();
  });
  await stage.ask();
  await stage.sidecar.stop();
  await closed.opened();
});

onBoth('the pool keeps no more than its size', async (stage) => {
  let waiting = 0;
  const together = gate();
  let open = 0;
  await stage.setUp(async (call) => {
    open += 1;
    call.socket.on('close', () => (open -= 1));
    await call.request();
    if (++waiting === 4) {
      together.open();
    }
    await together.opened();
    call.answer();
    await call.atEnd();
  }, { poolSize: 2 });
  const wires = await Promise.all([1, 2, 3, 4].map(() => stage.client()));
  wires.forEach((wire) => wire.send(request()));
  assert.deepEqual(await Promise.all(wires.map(async (wire) => (await wire.response()).status)), [200, 200, 200, 200]);
  await sleep(100);
  assert.equal(open, 2);
});

onBoth('a new address gets new connections', async (stage) => {
  await stage.ask();
  const other = await new ScriptedUpstream(async (call) => {
    await call.request();
    call.answer('other');
  }).listen();
  stage.sidecar.beReady(other.url);
  assert.equal((await stage.ask()).text, 'other');
  await other.close();
});

onBoth('a restarted upstream is used again without a failure', async (stage) => {
  // Every connection of the pool died with the old process.
  for (const method of ['POST', 'GET']) {
    await stage.setUp(async (call) => {
      await call.request();
      call.answer();
      await stage.event();
      call.reset();
    });
    for (let round = 0; round < 10; round++) {
      assert.equal((await stage.ask('/api/x', [], { method })).status, 200);
    }
  }
});

test('addresses of sidecars', () => {
  assert.deepEqual(new Endpoint('http://[::1]:5001').where, { host: '::1', port: 5001 });
  assert.deepEqual(new Endpoint('unix:/run/a b.sock').where, { path: '/run/a b.sock' });
  assert.equal(String(new Endpoint('http://127.0.0.1:5001')), '127.0.0.1:5001');
  for (const wrong of ['https://a:1', 'ftp://a', 'nothing']) {
    assert.throws(() => new Endpoint(wrong), TypeError);
  }
});
