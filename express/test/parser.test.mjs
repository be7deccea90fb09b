// The parser of responses, against Node's own client (llhttp): what one takes, the other takes, with the same result.

import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { test } from 'node:test';
import { ParseError, ResponseParser } from '../lib/parser.js';
import { within } from './helpers/wire.mjs';

/** What our parser makes of the parts; null when it refuses them or never comes to an end. */
function ours(parts, { headOnly = false, ends = true } = {}) {
  const result = { heads: [], body: [], informational: [] };
  const parser = new ResponseParser({
    onInformational: (status) => result.informational.push(status),
    onHead: (head) => result.heads.push(head),
    onBody: (chunk) => result.body.push(chunk),
  });
  parser.begin({ headOnly });
  try {
    parts.forEach((part) => parser.execute(Buffer.from(part, 'latin1')));
  } catch (error) {
    assert.ok(error instanceof ParseError, error);
    return null;
  }
  if (ends) {
    parser.end();
  }
  if (!parser.complete) {
    return null;
  }
  const [head] = result.heads;
  return {
    status: head.status, reason: head.reason, headers: head.headers, body: Buffer.concat(result.body).toString('latin1'),
    trailers: parser.trailers, keepAlive: parser.keepAlive, stray: parser.stray, informational: result.informational,
  };
}

/** What Node's client makes of the same. */
async function nodes(text, method = 'GET') {
  const server = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(Buffer.from(text, 'latin1')));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    return await within(ask(server.address().port, method), 'Node\'s client');
  } finally {
    server.close();
  }
}

function ask(port, method) {
  return new Promise((resolve) => {
    const request = http.request({ port, host: '127.0.0.1', method, agent: false }, (response) => {
      const body = [];
      response.on('data', (chunk) => body.push(chunk));
      response.on('error', () => resolve(null));
      response.on('end', () => resolve({
        status: response.statusCode, reason: response.statusMessage, headers: response.rawHeaders,
        body: Buffer.concat(body).toString('latin1'), trailers: response.rawTrailers,
      }));
    });
    request.on('error', () => resolve(null));
    request.end();
  });
}

const VALID = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\ncontent-LENGTH:5\r\n\r\nhello',
  'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nContent-Length:  5  \r\nX-Tab:\ta\tb \t\r\nX-Empty:\r\nX-Spaces:  a  b  \r\n\r\nhello',
  'HTTP/1.1 200 Fine, thanks\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 404 Caf\xe9\r\nX-Name: caf\xe9 \xff\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\n\r\nuntil the end',
  'HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n',
  'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
  `HTTP/1.1 200 OK\r\n${Array.from({ length: 50 }, (_, at) => `X-${at}: ${'v'.repeat(at)}\r\n`).join('')}Content-Length: 2\r\n\r\nok`,
];

test('what Node\'s client takes is taken with the same result', async () => {
  for (const text of VALID) {
    const { keepAlive, stray, informational, ...mine } = ours([text]);
    assert.deepEqual(mine, await nodes(text), text);
  }
});

test('however the bytes are cut, the result is the same', () => {
  for (const text of VALID) {
    const whole = ours([text]);
    assert.deepEqual(ours([...text]), whole, text);
    for (let at = 1; at < text.length; at++) {
      assert.deepEqual(ours([text.slice(0, at), text.slice(at)]), whole, `${text} at ${at}`);
    }
  }
});

test('a response that is cut off anywhere is not complete', () => {
  for (const text of VALID.filter((one) => /Content-Length: [1-9]|chunked/i.test(one))) {
    for (let at = 1; at < text.length; at++) {
      assert.equal(ours([text.slice(0, at)]), null, `${text} at ${at}`);
    }
  }
});

test('to HEAD there is no body, whatever the head says', () => {
  for (const fields of ['Content-Length: 5', 'Transfer-Encoding: chunked', 'X-A: 1']) {
    const result = ours([`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`], { headOnly: true, ends: false });
    assert.deepEqual([result.status, result.body, result.stray], [200, '', false]);
  }
});

test('bytes behind a response are stray', () => {
  for (const text of ['HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokX', 'HTTP/1.1 204 No\r\n\r\nX', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX']) {
    assert.equal(ours([text]).stray, true, text);
  }
});

test('keep-alive is as RFC 9112 §9.3 says', () => {
  const cases = [
    ['1.1', 'X-A: 1', true], ['1.1', 'Connection: close', false], ['1.1', 'Connection: X, CLOSE', false],
    ['1.0', 'X-A: 1', false], ['1.0', 'Connection: Keep-Alive', true], ['1.0', 'Connection: close', false],
  ];
  for (const [version, field, expected] of cases) {
    assert.equal(ours([`HTTP/${version} 200 OK\r\n${field}\r\nContent-Length: 0\r\n\r\n`]).keepAlive, expected);
  }
});

test('what Node\'s client refuses is refused, over thousands of damaged responses', async () => {
  const random = generator(20261125);
  const damaged = Array.from({ length: 3000 }, () => damage(VALID[random(VALID.length)], random));
  const accepted = damaged.filter((text) => ours([text]));
  assert.ok(accepted.length > 100 && accepted.length < 2900, `${accepted.length}`);
  // Each costs a connection, so not all of them: those that we take, which is where the danger is.
  for (let at = 0; at < accepted.length; at += 25) {
    await Promise.all(accepted.slice(at, at + 25).map(compare));
  }
});

const NODE = Number.parseInt(process.versions.node, 10);

async function compare(text) {
  const theirs = await nodes(text);
  const { keepAlive, stray, informational, ...mine } = ours([text]);
  if (theirs === null && stray) {
    return; // Node fails on what comes behind; we drop the connection
  }
  if (theirs === null && /Content-Length:[^\r]*\t/i.test(text)) {
    return; // white space that RFC 9110 §5.5 allows
  }
  if (theirs === null && NODE < 20 && /^HTTP\/1\.\d (1\d\d|204|304) .*(Content-Length|Transfer-Encoding)/is.test(text)) {
    return; // it waits for a body that RFC 9112 §6.3 rules out
  }
  assert.ok(theirs, `only we take ${JSON.stringify(text)}`);
  assert.deepEqual(mine, theirs, JSON.stringify(text));
}

const PIECES = ['\r', '\n', '\r\n', ' ', ':', '\t', '\0', '0', 'f', 'G', ';', ',', '-', 'Content-Length: 3\r\n', 'Transfer-Encoding: chunked\r\n', 'x', '\xff', 'HTTP/1.1'];

function damage(text, random) {
  const at = random(text.length);
  const piece = PIECES[random(PIECES.length)];
  switch (random(3)) {
    case 0:
      return text.slice(0, at) + piece + text.slice(at);
    case 1:
      return text.slice(0, at) + piece + text.slice(at + piece.length);
    default:
      return text.slice(0, at) + text.slice(at + 1 + random(3));
  }
}

/** Random whole numbers below n, the same in every run. */
function generator(seed) {
  let state = seed;
  return (n) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * n);
  };
}
