// Beside other middlewares of the host: body parsers before us, hooks on the response, answers of its own.

import assert from 'node:assert/strict';
import http from 'node:http';
import { gzipSync } from 'node:zlib';
import { createFakeSidecar } from '../lib/testing.js';
import { explained, onBoth } from './helpers/stage.mjs';
import { gate, request, sleep } from './helpers/wire.mjs';

const BODY = '{"a":  1,\n"b": 2}'; // not as JSON.stringify would write it
const JSON_FIELDS = ['Content-Type: application/json', `Content-Length: ${BODY.length}`];
const keep = { verify: (req, _res, bytes) => (req.rawBody = bytes) };

onBoth('a body that express.json() has read is told in words, at once', async (stage) => {
  await stage.setUp(undefined, { before: [stage.express.json()] });
  const began = performance.now();
  const answer = explained(await stage.ask('/api/x', JSON_FIELDS, { method: 'POST', body: BODY }), 500, 'internal_error');
  assert.ok(performance.now() - began < 1000);
  assert.match(answer.suggestion, /before express\.json\(\)/);
  assert.equal(stage.upstream.calls.length, 0);
  assert.equal((await stage.event()).outcome, 'server_error');
});

onBoth('a body that express.json() has read and kept goes on byte for byte', async (stage) => {
  await stage.setUp(undefined, { before: [stage.express.json(keep)] });
  const received = await stage.forwarded('/api/x', JSON_FIELDS, { method: 'POST', body: BODY });
  assert.deepEqual([received.text, received.get('content-length')], [BODY, String(BODY.length)]);
});

onBoth('a chunked body that was kept goes on with its length', async (stage) => {
  await stage.setUp(undefined, { before: [stage.express.json(keep)] });
  const body = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
  const fields = ['Content-Type: application/json', 'Transfer-Encoding: chunked'];
  const received = await stage.forwarded('/api/x', fields, { method: 'POST', body });
  assert.deepEqual([received.text, received.get('content-length')], [BODY, String(BODY.length)]);
  assert.equal(received.get('transfer-encoding'), null);
});

onBoth('a body that was decompressed on the way is not passed off as the original', async (stage) => {
  await stage.setUp(undefined, { before: [stage.express.json(keep)] });
  const packed = gzipSync(BODY);
  const fields = ['Content-Type: application/json', 'Content-Encoding: gzip'];
  const plain = [...fields, `Content-Length: ${packed.length}`];
  explained(await stage.ask('/api/x', plain, { method: 'POST', body: packed }), 500, 'internal_error');
  const chunked = Buffer.concat([Buffer.from(`${packed.length.toString(16)}\r\n`), packed, Buffer.from('\r\n0\r\n\r\n')]);
  const how = { method: 'POST', body: chunked };
  explained(await stage.ask('/api/x', [...fields, 'Transfer-Encoding: chunked'], how), 500, 'internal_error');
});

onBoth('a body parser that does not want the body changes nothing', async (stage) => {
  await stage.setUp(undefined, { before: [stage.express.json(), stage.express.urlencoded({ extended: false })] });
  const fields = ['Content-Type: multipart/form-data; boundary=x', 'Content-Length: 5'];
  assert.equal((await stage.forwarded('/api/x', fields, { method: 'POST', body: 'hello' })).text, 'hello');
  assert.equal((await stage.forwarded('/api/x', ['Content-Type: application/json'])).method, 'GET');
});

onBoth('a middleware that takes its time loses nothing of the body', async (stage) => {
  await stage.setUp(undefined, { before: [(_req, _res, next) => void setTimeout(next, 50)] });
  const body = 'x'.repeat(300_000);
  const received = await stage.forwarded('/api/x', [`Content-Length: ${body.length}`], { method: 'POST', body });
  assert.equal(received.body.length, body.length);
});

onBoth('a middleware that listens to the body beside us changes nothing', async (stage) => {
  let seen = 0;
  const counts = (req, _res, next) => {
    req.on('data', (chunk) => (seen += chunk.length));
    next();
  };
  await stage.setUp(undefined, { before: [counts] });
  const received = await stage.forwarded('/api/x', ['Content-Length: 5'], { method: 'POST', body: 'hello' });
  assert.deepEqual([received.text, seen], ['hello', 5]);
});

onBoth('headers that the host has set stay beside the sidecar\'s', async (stage) => {
  const sets = (_req, res, next) => {
    res.setHeader('Access-Control-Allow-Origin', '*');
    res.setHeader('Set-Cookie', 'host=1');
    res.setHeader('Vary', 'Origin');
    res.setHeader('Cache-Control', 'private');
    res.setHeader('Content-Length', '999');
    next();
  };
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nVary: Accept\r\nSet-Cookie: b=2\r\nCache-Control: no-store\r\n');
    call.send('Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n');
  }, { before: [sets] });
  const response = await stage.ask();
  assert.equal(response.get('access-control-allow-origin'), '*');
  assert.deepEqual(response.all('set-cookie'), ['host=1', 'a=1', 'b=2']);
  assert.deepEqual(response.all('vary'), ['Origin', 'Accept']);
  assert.equal(response.get('cache-control'), 'no-store');
  assert.deepEqual([response.get('content-length'), response.text], [null, 'ok']);
  stage.sidecar.beAway();
  assert.equal((await stage.ask()).get('access-control-allow-origin'), '*');
});

onBoth('a hook on writeHead that knows no flat arrays garbles nothing', async (stage) => {
  // As `on-headers` before 1.1 does: morgan, compression and express-session of those days.
  const hooks = (_req, res, next) => {
    const { writeHead } = res;
    res.writeHead = function hooked(status, ...rest) {
      const fields = rest.find((one) => typeof one === 'object');
      if (Array.isArray(fields)) {
        fields.forEach((pair) => pair[0] && res.setHeader(pair[0], pair[1]));
        return writeHead.call(res, status);
      }
      return writeHead.call(res, status, ...rest);
    };
    next();
  };
  await stage.setUp(async (call) => {
    await call.request();
    call.answer('ok', ['Set-Cookie: a=1', 'Set-Cookie: b=2', 'X-A: 1']);
  }, { before: [hooks] });
  const response = await stage.ask();
  assert.deepEqual([response.all('set-cookie'), response.get('x-a'), response.text], [['a=1', 'b=2'], '1', 'ok']);
  assert.ok(!response.names.has('x'));
});

onBoth('a hook that throws costs the request, not the host', async (stage) => {
  const throws = (req, res, next) => {
    let first = req.path.startsWith('/api');
    const { writeHead } = res;
    res.writeHead = function hooked(...args) {
      if (first) {
        first = false;
        throw new Error('a bug of the host');
      }
      return writeHead.apply(res, args);
    };
    next();
  };
  await stage.setUp(undefined, { before: [throws], expectProblems: true });
  explained(await stage.ask(), 500, 'internal_error');
  assert.match(stage.sidecar.problems.join(''), /a bug of the host/);
  assert.equal((await stage.ask('/mine')).status, 404);
});

onBoth('a host that answers by itself while we wait is left alone', async (stage) => {
  const ended = gate();
  const impatient = (_req, res, next) => {
    setTimeout(() => res.status(503).end('host timeout'), 80);
    next();
  };
  await stage.setUp(async (call) => {
    await call.request();
    assert.ok(await call.atEnd());
    ended.open();
  }, { before: [impatient] });
  assert.equal((await stage.ask()).text, 'host timeout');
  const event = await stage.event();
  assert.deepEqual([event.outcome, event.message], ['server_error', 'The host answered by itself']);
  await ended.opened();
});

onBoth('a host that has begun to answer gets no second answer', async (stage) => {
  const begins = (_req, res, next) => {
    res.write('host');
    next();
    setTimeout(() => res.end(' done'), 80);
  };
  await stage.setUp(undefined, { before: [begins] });
  assert.equal((await stage.ask()).text, 'host done');
});

onBoth('a listener of onRequest that throws costs nothing', async (stage) => {
  await stage.setUp(undefined, {
    expectProblems: true,
    onRequest: () => {
      throw new Error('a bug of the listener');
    },
  });
  assert.equal((await stage.ask()).status, 200);
  await sleep(20);
  assert.match(stage.sidecar.problems.join(''), /a bug of the listener/);
});

onBoth('a request is told of once, with what it was', async (stage) => {
  assert.equal((await stage.ask('/api/a%2Fb?q=1', ['Content-Length: 3'], { method: 'POST', body: 'abc' })).status, 200);
  const { firstByteMs, totalMs, requestId, ...event } = await stage.event();
  assert.deepEqual(event, {
    method: 'POST', path: '/api/a%2Fb', route: '/api', status: 200, outcome: 'ok', aborted: false, bytesIn: 3,
    bytesOut: 2, message: '',
  });
  assert.ok(firstByteMs > 0 && totalMs >= firstByteMs && requestId.length === 26);
});

onBoth('without an application, as a plain listener: ours is proxied, the rest is a JSON 404', async (stage) => {
  stage.server.removeAllListeners('request').on('request', stage.sidecar.handler());
  assert.equal((await stage.ask()).text, 'ok');
  explained(await stage.ask('/other'), 404, 'not_found');
});

onBoth('before the application, as a plain listener: ours never reaches it', async (stage) => {
  let reached = 0;
  const app = stage.express();
  app.use((req, res) => {
    reached += 1;
    res.end('mine');
  });
  stage.server.removeAllListeners('request').on('request', stage.sidecar.handler(app));
  assert.equal((await stage.ask()).text, 'ok');
  assert.equal((await stage.ask('/other')).text, 'mine');
  assert.equal(reached, 1);
});

onBoth('a sidecar stops with its server', async (stage) => {
  const sidecar = createFakeSidecar();
  const server = http.createServer(sidecar.handler()).listen(0, '127.0.0.1');
  sidecar.stopWithServer(server);
  await new Promise((resolve) => server.once('listening', resolve));
  server.close();
  await new Promise((resolve) => server.once('close', resolve));
  await sleep(10);
  assert.equal(sidecar.status().state, 'stopped');
  assert.equal(stage.sidecar.status().state, 'ready');
});

onBoth('a chunk of the answer that is compressed by the host arrives at once', async (stage) => {
  // As `compression` does: it holds back what is written until somebody calls res.flush().
  const holdsBack = (_req, res, next) => {
    const held = [];
    const { write, end } = res;
    res.write = (chunk) => held.push(chunk) > 0;
    res.flush = () => held.splice(0).forEach((chunk) => write.call(res, chunk));
    res.end = (chunk) => {
      res.flush();
      return end.call(res, chunk);
    };
    next();
  };
  const goOn = gate();
  await stage.setUp(async (call) => {
    await call.request();
    call.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n');
    await goOn.opened();
    call.send('3\r\ntwo\r\n0\r\n\r\n');
  }, { before: [holdsBack] });
  const wire = await stage.client();
  wire.send(request());
  await wire.head();
  assert.equal(String(await wire.chunk()), 'one');
  goOn.open();
  assert.equal(String(await wire.chunk()), 'two');
});
