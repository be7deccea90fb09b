// What goes through unchanged, and what does not. Rows of table 1C, through a real Express.

import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { onBoth, explained } from './helpers/stage.mjs';
import { request } from './helpers/wire.mjs';

const TARGETS = [
  '/api/extract/a%2Fb', '/api//x///y//', '/api/x;v=1/y;w', '/api/a..b/.hidden/c.tar.gz/...', '/api/%C3%A4%20%00%ff',
  '/api/x?a=1&a=2&c&d=%2F%20+&e=a|b&f[]={x}', '/api/x?q=/../..', '/api/x?', '/health', '/api/@evil.test:80/x',
];

onBoth('the target is kept byte for byte', async (stage) => {
  for (const target of TARGETS) {
    assert.equal((await stage.forwarded(target)).target, target);
  }
});

const DOTS = [
  '/api/%2e%2e/b', '/api/../b', '/api/x/%2E./b', '/api/.%2e', '/api/a%2f..%2f..%2fb', '/api/..%5cb', '/api/./b',
];

onBoth('dot segments never lead out of the prefix', async (stage) => {
  for (const target of DOTS) {
    explained(await stage.ask(target), 400, 'invalid_request');
  }
  assert.equal(stage.upstream.calls.length, 0);
});

onBoth('other paths are the host\'s', async (stage) => {
  for (const target of ['/apix', '/ap%69/x', '/other/../api/x', '//api/x', '/API/x', '/']) {
    const response = await stage.ask(target);
    assert.deepEqual([response.status, response.json.code], [404, 'host'], target);
  }
  assert.equal(stage.upstream.calls.length, 0);
});

onBoth('a target that names another host reaches no host', async (stage) => {
  explained(await stage.ask('http://evil.test/api/x'), 400, 'invalid_request');
  assert.equal((await stage.ask('@127.0.0.1:1/x')).status, 400); // Node's own
  assert.equal((await stage.ask('http://evil.test/other')).json.code, 'host');
  assert.equal(stage.upstream.calls.length, 0);
});

onBoth('the target is the original one where a router strips its mount path or rewrites it', async (stage) => {
  const rewrites = (req, _res, next) => {
    req.url = '/elsewhere';
    next();
  };
  await stage.setUp(undefined, { before: [rewrites] });
  assert.equal((await stage.forwarded('/api/x?q=1')).target, '/api/x?q=1');
  const router = stage.express.Router();
  router.use(stage.sidecar.middleware());
  stage.app.use('/late', router);
  const mounted = stage.express();
  mounted.use('/api', stage.sidecar.middleware());
  stage.server.removeAllListeners('request').on('request', mounted);
  assert.equal((await stage.forwarded('/api/y/%2F?z')).target, '/api/y/%2F?z');
});

onBoth('hop-by-hop headers of a request stay here', async (stage) => {
  const received = await stage.forwarded('/api/x', [
    'Connection: keep-alive, X-Hop , x-other', 'X-Hop: 1', 'X-Other: 2', 'Keep-Alive: timeout=5', 'TE: trailers',
    'Proxy-Connection: keep-alive', 'Proxy-Authorization: Basic eA==', 'Trailer: X-T', 'X-Kept: 3',
  ]);
  const gone = [
    'connection', 'x-hop', 'x-other', 'keep-alive', 'te', 'proxy-connection', 'proxy-authorization', 'trailer',
  ];
  assert.deepEqual(gone.filter((name) => received.names.has(name)), []);
  assert.equal(received.get('x-kept'), '3');
});

onBoth('upgrade is not forwarded', async (stage) => {
  const fields = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: x'];
  const { names } = await stage.forwarded('/api/x', fields);
  assert.deepEqual(['connection', 'upgrade', 'http2-settings'].filter((name) => names.has(name)), []);
});

onBoth('Connection cannot remove what frames or routes', async (stage) => {
  const fields = ['Connection: Host, Content-Length, X-Forwarded-For, X-Request-ID', 'Content-Length: 2'];
  const received = await stage.forwarded('/api/x', fields, { method: 'POST', body: 'ab' });
  assert.deepEqual([received.get('host'), received.text], ['example.test', 'ab']);
  assert.equal(received.get('x-forwarded-for'), '127.0.0.1');
  assert.ok(received.get('x-request-id'));
});

onBoth('hop-by-hop headers of a response stay there', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer('ok', [
      'Connection: X-Secret, close', 'X-Secret: 1', 'Keep-Alive: timeout=77', 'Upgrade: h2c',
      'Proxy-Authenticate: Basic', 'X-Kept: 2',
    ]);
  });
  const response = await stage.ask();
  assert.deepEqual(['x-secret', 'upgrade', 'proxy-authenticate'].filter((name) => response.names.has(name)), []);
  assert.notEqual(response.get('keep-alive'), 'timeout=77'); // Node's own is another
  assert.equal(response.get('x-kept'), '2');
});

onBoth('spoofed forwarding headers are replaced', async (stage) => {
  const received = await stage.forwarded('/api/x', [
    'X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Host: evil.test', 'X-Forwarded-Proto: https', 'X-Forwarded-Port: 1',
    'X-Real-IP: 1.2.3.4', 'Forwarded: for=1.2.3.4', 'X_Forwarded_For: 1.2.3.4',
  ]);
  assert.equal(received.get('x-forwarded-for'), '127.0.0.1');
  assert.equal(received.get('x-forwarded-host'), 'example.test');
  assert.equal(received.get('x-forwarded-proto'), 'http');
  assert.ok(!received.headers.some(([, value]) => /1\.2\.3\.4|evil/.test(value)));
  assert.equal(received.get('x-forwarded-port'), null);
  assert.equal(received.get('x-forwarded-ignored'), '1');
});

onBoth('a peer that may be a proxy is told from one that is not', async (stage) => {
  for (const field of ['X-Forwarded-For: 127.0.0.1', 'Forwarded: for=1.2.3.4', 'X-Real-IP: 1.2.3.4']) {
    assert.equal((await stage.forwarded('/api/x', [field])).get('x-forwarded-ignored'), '1');
  }
  assert.equal((await stage.forwarded('/api/x')).get('x-forwarded-ignored'), null);
  await stage.setUp(undefined, { trusted: ['127.0.0.0/8'] });
  const received = await stage.forwarded('/api/x', ['X-Forwarded-For: 127.0.0.1']);
  assert.equal(received.get('x-forwarded-ignored'), null);
});

onBoth('forwarding headers of a trusted peer are extended', async (stage) => {
  await stage.setUp(undefined, { trusted: ['127.0.0.0/8'] });
  const received = await stage.forwarded('/api/x', [
    'X-Forwarded-For: 1.2.3.4', 'X-Forwarded-For: 5.6.7.8', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: a.test',
    'X-Forwarded-Port: 443', 'X-Real-IP: 1.2.3.4', 'Forwarded: for=1.2.3.4',
  ]);
  assert.equal(received.get('x-forwarded-for'), '1.2.3.4, 5.6.7.8, 127.0.0.1');
  assert.equal(received.get('x-forwarded-proto'), 'https');
  assert.equal(received.get('x-forwarded-host'), 'a.test');
  assert.equal(received.get('x-forwarded-port'), '443');
  assert.equal(received.get('x-real-ip'), '1.2.3.4');
  assert.equal(received.get('forwarded'), 'for=1.2.3.4, for=127.0.0.1');
});

onBoth('the token is ours, whatever the client sends', async (stage) => {
  await stage.setUp(undefined, { token: 'right' });
  const received = await stage.forwarded('/api/x', ['X-Mediabridge-Token: wrong', 'X_Mediabridge_Token: wrong']);
  const tokens = received.headers.filter(([name]) => name.includes('token')).map(([, value]) => value);
  assert.deepEqual(tokens, ['right']);
});

onBoth('headers of the host\'s own replace the client\'s', async (stage) => {
  await stage.setUp(undefined, { token: 'right', headers: (req) => ({ 'X-User-Id': req.headers['x-session'] }) });
  const received = await stage.forwarded('/api/x', ['X-Session: anna', 'x_user_id: mallory', 'X-User-ID: mallory']);
  assert.equal(received.get('x-user-id'), 'anna');
  assert.equal(received.get('x-mediabridge-token'), 'right');
  assert.equal(received.get('x_user_id'), null);
});

onBoth('repeated request headers keep number and order', async (stage) => {
  const received = await stage.forwarded('/api/x', [
    'X-A: 1', 'Cookie: a=1', 'X-B: 2', 'X-A: 3', 'Cookie: b=2', 'Accept: x, y',
  ]);
  const ours = received.headers.filter(([name]) => ['x-a', 'x-b', 'cookie', 'accept'].includes(name));
  assert.deepEqual(ours, [
    ['x-a', '1'], ['cookie', 'a=1'], ['x-b', '2'], ['x-a', '3'], ['cookie', 'b=2'], ['accept', 'x, y'],
  ]);
});

onBoth('Host is the client\'s', async (stage) => {
  const wire = await stage.client();
  wire.send(request('/api/x', [], { host: 'photos.example:8080' }));
  assert.equal((await wire.response()).status, 200);
  assert.equal((await stage.upstream.take()).get('host'), 'photos.example:8080');
});

onBoth('two Host fields are refused', async (stage) => {
  explained(await stage.ask('/api/x', ['Host: b.test']), 400, 'invalid_request');
  assert.equal(stage.upstream.calls.length, 0);
});

onBoth('Via is added in both directions', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer('ok', ['Via: 1.0 inner']);
  });
  const response = await stage.ask('/api/x', ['Via: 1.0 outer']);
  assert.deepEqual(response.all('via'), ['1.0 inner', '1.1 mediabridge']);
  assert.deepEqual((await stage.upstream.take()).all('via'), ['1.0 outer', '1.1 mediabridge']);
});

onBoth('header bytes survive in both directions', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer('ok', ['X-Name: caf\xe9 \xff', 'X-Empty:']);
  });
  const response = await stage.ask('/api/x', ['X-Name: caf\xe9 \xff', 'X-Empty:']);
  for (const message of [response, await stage.upstream.take()]) {
    assert.deepEqual([message.get('x-name'), message.get('x-empty')], ['caf\xe9 \xff', '']);
  }
});

onBoth('a sane request id is kept everywhere', async (stage) => {
  for (const sent of ['abc-DEF_1.2:3', 'x'.repeat(128)]) {
    assert.equal((await stage.ask('/api/x', [`X-Request-ID: ${sent}`])).get('x-request-id'), sent);
    assert.equal((await stage.upstream.take()).get('x-request-id'), sent);
    assert.equal((await stage.event()).requestId, sent);
  }
});

onBoth('other request ids are replaced everywhere', async (stage) => {
  for (const sent of [['a b'], ['x'.repeat(129)], [''], ['a', 'b'], ['caf\xe9'], []]) {
    const made = (await stage.ask('/api/x', sent.map((value) => `X-Request-ID: ${value}`))).get('x-request-id');
    assert.match(made, /^[0-9A-HJKMNP-TV-Z]{26}$/);
    assert.equal((await stage.upstream.take()).get('x-request-id'), made);
    assert.equal((await stage.event()).requestId, made);
  }
});

onBoth('two Set-Cookie stay two', async (stage) => {
  const cookies = ['a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT', 'b=2; Path=/'];
  await stage.setUp(async (call) => {
    await call.request();
    call.answer('ok', cookies.map((cookie) => `Set-Cookie: ${cookie}`));
  });
  assert.deepEqual((await stage.ask()).all('set-cookie'), cookies);
});

onBoth('Date and Server come once, and the request id is ours', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer('ok', ['Date: Wed, 21 Oct 2026 07:28:00 GMT', 'Server: sidecar', 'X-Request-ID: theirs']);
  });
  const response = await stage.ask();
  assert.equal(response.get('date'), 'Wed, 21 Oct 2026 07:28:00 GMT');
  assert.equal(response.get('server'), 'sidecar');
  assert.notEqual(response.get('x-request-id'), 'theirs');
});

onBoth('a GET with a body', async (stage) => {
  const received = await stage.forwarded('/api/x', ['Content-Length: 5'], { body: 'hello' });
  assert.deepEqual([received.method, received.text, received.get('content-length')], ['GET', 'hello', '5']);
});

onBoth('a DELETE with a chunked body', async (stage) => {
  const body = '3\r\nabc\r\n0\r\n\r\n';
  const received = await stage.forwarded('/api/x', ['Transfer-Encoding: chunked'], { method: 'DELETE', body });
  assert.deepEqual([received.method, received.text, received.get('transfer-encoding')], ['DELETE', 'abc', 'chunked']);
});

onBoth('a POST with an empty body', async (stage) => {
  const plain = await stage.forwarded('/api/x', ['Content-Length: 0'], { method: 'POST' });
  assert.deepEqual([plain.text, plain.get('content-length'), plain.get('transfer-encoding')], ['', '0', null]);
  const how = { method: 'POST', body: '0\r\n\r\n' };
  const chunked = await stage.forwarded('/api/x', ['Transfer-Encoding: chunked'], how);
  assert.deepEqual([chunked.text, chunked.get('content-length'), chunked.complete], ['', null, true]);
});

onBoth('methods are forwarded, those that Node knows', async (stage) => {
  for (const method of ['QUERY', 'PROPFIND', 'M-SEARCH', 'PATCH', 'OPTIONS'].filter((one) => METHODS.includes(one))) {
    assert.equal((await stage.forwarded('/api/x', [], { method })).method, method);
  }
  assert.equal((await stage.ask('/api/x', [], { method: 'BREW' })).status, 400); // Node's own
});

onBoth('an encoded body passes untouched', async (stage) => {
  const packed = gzipSync(Buffer.alloc(600, 'x'));
  await stage.setUp(async (call) => {
    await call.request();
    call.answer(packed, ['Content-Encoding: gzip', 'Vary: Accept-Encoding']);
  });
  const response = await stage.ask();
  assert.deepEqual(response.body, packed);
  assert.equal(response.get('content-encoding'), 'gzip');
  assert.equal(response.get('content-length'), String(packed.length));
});

onBoth('a range request passes', async (stage) => {
  await stage.setUp(async (call) => {
    assert.equal((await call.request()).get('range'), 'bytes=0-3');
    call.answer('abcd', ['Content-Range: bytes 0-3/10'], '206 Partial Content');
  });
  const response = await stage.ask('/api/x', ['Range: bytes=0-3']);
  assert.deepEqual([response.status, response.get('content-range'), response.text], [206, 'bytes 0-3/10', 'abcd']);
});

onBoth('the reason phrase passes', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer('ok', [], '418 Short and stout');
  });
  assert.equal((await stage.ask()).start, 'HTTP/1.1 418 Short and stout');
});

onBoth('an HTTP/1.0 client is served', async (stage) => {
  const wire = await stage.client();
  wire.send('GET /api/x HTTP/1.0\r\n\r\n');
  const response = await wire.response();
  assert.deepEqual([response.status, response.text], [200, 'ok']);
  const received = await stage.upstream.take();
  assert.ok(received.start.endsWith('HTTP/1.1'));
  assert.ok(received.get('host'));
  assert.equal(received.get('via'), '1.0 mediabridge');
});

onBoth('an upstream on a Unix socket', async (stage) => {
  await stage.setUp(undefined, { path: join(tmpdir(), `mediabridge-${process.pid}-${Math.random()}.sock`) });
  assert.equal((await stage.forwarded()).get('host'), 'example.test');
});

onBoth('requests in a pipeline are answered in order', async (stage) => {
  await stage.setUp(async (call) => {
    let received;
    while ((received = await call.request())) {
      call.answer(received.target);
    }
  });
  const wire = await stage.client();
  wire.send(...[0, 1, 2, 3, 4].map((number) => request(`/api/${number}`)));
  for (const number of [0, 1, 2, 3, 4]) {
    assert.equal((await wire.response()).text, `/api/${number}`);
  }
});

onBoth('requests in conflict about their length are refused, never forwarded', async (stage) => {
  const conflicts = [
    ['Content-Length: 3', 'Transfer-Encoding: chunked'], ['Content-Length: 3', 'Content-Length: 4'],
    ['Content-Length: -1'], ['Content-Length: +3'], ['Content-Length: 3, 3'], ['Transfer-Encoding: gzip, chunked'],
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], ['X-A: b\rc'], ['X-A: b', ' folded'], ['X A: b'],
    ['X-A : b'], ['X-A: b\x00c'],
  ];
  for (const fields of conflicts) {
    const response = await stage.ask('/api/x', fields, { method: 'POST', body: '0\r\n\r\n' });
    assert.equal(response.status, 400, JSON.stringify(fields));
  }
  const old = await stage.client();
  old.send('POST /api/x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n');
  explained(await old.response(), 400, 'invalid_request');
  assert.equal(stage.upstream.calls.length, 0);
});
