// Any request that the host accepts reaches the sidecar unchanged, and its response comes back unchanged.

import assert from 'node:assert/strict';
import { METHODS as KNOWN } from 'node:http';
import { onBoth } from './helpers/stage.mjs';
import { request } from './helpers/wire.mjs';

const ROUNDS = 300;
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'QUERY'].filter((one) => KNOWN.includes(one));
const STATUSES = [200, 201, 206, 301, 400, 404, 418, 429, 500, 503, 599];

onBoth('requests and responses of every shape pass unchanged', async (stage) => {
  const random = generator(20261125);
  let answer;
  await stage.setUp(async (call) => {
    while (await call.request()) {
      answer.chunked ? chunkedAnswer(call, answer) : plainAnswer(call, answer);
    }
  });
  const wire = await stage.client();
  for (let round = 0; round < ROUNDS; round++) {
    const sent = randomRequest(random);
    answer = randomAnswer(random);
    wire.send(request(sent.target, [...sent.fields.map(line), ...framing(sent)], sent), ...bodyOf(sent));
    const response = await wire.response(sent.method);
    const received = await stage.upstream.take();
    const what = JSON.stringify({ sent, answer }).slice(0, 1000);
    assert.deepEqual([received.method, received.target], [sent.method, sent.target], what);
    assert.deepEqual(own(received), sent.fields, what);
    assert.ok(received.body.equals(sent.body) && received.complete, what);
    assert.equal(response.status, answer.status, what);
    assert.deepEqual(own(response), answer.fields, what);
    assert.ok(response.body.equals(answer.body) && response.complete, what);
  }
  assert.equal(stage.upstream.calls.length, 1); // and every connection stays in step
});

function randomRequest(random) {
  const method = METHODS[random(METHODS.length)];
  const hasBody = random(2) === 1;
  return {
    method,
    target: `/api${text(random, '#?', 40).replace(/^/, '/').replace(/\.|%2/g, '_')}${random(2) ? `?${text(random, '#', 40)}` : ''}`,
    fields: fields(random),
    body: hasBody ? bytes(random) : Buffer.alloc(0),
    kind: hasBody ? ['length', 'chunked'][random(2)] : 'none',
  };
}

function randomAnswer(random) {
  return { status: STATUSES[random(STATUSES.length)], fields: fields(random), body: bytes(random), chunked: random(2) === 1 };
}

/** Names that have no rule, some of them twice. */
function fields(random) {
  return Array.from({ length: random(8) }, () => [`x-own-${random(4)}`, value(random)]);
}

function value(random) {
  const letters = Array.from({ length: random(30) }, () => String.fromCharCode(random(4) ? 0x21 + random(0x5e) : 0x80 + random(0x80)));
  return letters.join('');
}

function bytes(random) {
  return Buffer.from(Uint8Array.from({ length: [0, 1, 7, 300, 20_000, 150_000][random(6)] }, () => random(256)));
}

function line([name, content]) {
  return `${name}: ${content}`;
}

function own(message) {
  return message.headers.filter(([name]) => name.startsWith('x-own-'));
}

function framing({ kind, body }) {
  return { none: [], length: [`Content-Length: ${body.length}`], chunked: ['Transfer-Encoding: chunked'] }[kind];
}

function bodyOf({ kind, body }) {
  return { none: [], length: [body], chunked: chunks(body) }[kind];
}

function chunks(body) {
  const parts = [];
  for (let at = 0; at < body.length; at += 7000) {
    const part = body.subarray(at, at + 7000);
    parts.push(`${part.length.toString(16)}\r\n`, part, '\r\n');
  }
  return [...parts, '0\r\n\r\n'];
}

function plainAnswer(call, { status, fields: own_, body }) {
  call.send(`HTTP/1.1 ${status} Fine\r\n${[...own_.map(line), `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n`, body);
}

function chunkedAnswer(call, { status, fields: own_, body }) {
  call.send(`HTTP/1.1 ${status} Fine\r\n${[...own_.map(line), 'Transfer-Encoding: chunked'].join('\r\n')}\r\n\r\n`, ...chunks(body));
}

/** Random whole numbers below n, the same in every run. */
function generator(seed) {
  let state = seed;
  return (n) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * n);
  };
}

/** Printable ASCII without these. */
function text(random, without, most) {
  const all = Array.from({ length: 0x7e - 0x20 }, (_, at) => String.fromCharCode(0x21 + at)).filter((one) => !without.includes(one));
  return Array.from({ length: random(most) }, () => all[random(all.length)]).join('');
}
