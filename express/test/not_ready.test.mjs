// While the sidecar is not ready nothing is opened, nothing is read, and the answer says why.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WORDS, unavailable } from '../lib/words.js';
import { explained, onBoth } from './helpers/stage.mjs';
import { request, sleep } from './helpers/wire.mjs';

const FAILURE = {
  kind: 'exited', error: 'Flask server unavailable', message: 'It exited with code 1 (ImportError: flask)',
  suggestion: 'Run: mediabridge doctor', permanent: false, exit: null, stderrHead: '', stderrTail: '',
};
const AWAY = { state: 'failed', why: 'gave_up', failure: FAILURE, retryAfterSeconds: 2.1 };

onBoth('not ready is 503 in the supervisor\'s words', async (stage) => {
  stage.sidecar.beAway(AWAY);
  const response = await stage.ask('/api/x', ['X-Request-ID: mine']);
  const { timestamp, ...answer } = explained(response, 503, 'sidecar_unavailable');
  assert.equal(response.get('retry-after'), '3');
  assert.equal(response.get('cache-control'), 'no-store');
  assert.deepEqual(answer, {
    error: FAILURE.error, message: FAILURE.message, suggestion: FAILURE.suggestion, status: 503,
    code: 'sidecar_unavailable', requestId: 'mine', state: 'failed', why: 'gave_up',
  });
  const event = await stage.event();
  assert.deepEqual([event.outcome, event.message, event.route], ['not_ready', FAILURE.message, '/api']);
  assert.equal(stage.upstream.calls.length, 0);
});

onBoth('Retry-After is whole seconds, at least one, or absent', async (stage) => {
  for (const [seconds, header] of [[null, null], [0.01, '1'], [7, '7']]) {
    stage.sidecar.beAway({ retryAfterSeconds: seconds });
    assert.equal((await stage.ask()).get('retry-after'), header);
  }
});

onBoth('503 is not lost under a body that is being sent', async (stage) => {
  stage.sidecar.beAway(AWAY);
  const wire = await stage.client();
  wire.send(request('/api/x', ['Content-Length: 3000000'], { method: 'POST' }), Buffer.alloc(3_000_000));
  assert.equal((await wire.response()).status, 503);
  wire.send(request());
  assert.equal((await wire.response()).status, 503); // and the connection is still in step
});

onBoth('readiness is asked for each request', async (stage) => {
  const wire = await stage.client();
  for (const ready of [false, true, false, true]) {
    if (ready) {
      stage.sidecar.beReady(stage.upstream.url);
    } else {
      stage.sidecar.beAway();
    }
    wire.send(request());
    assert.equal((await wire.response()).status, ready ? 200 : 503);
  }
});

onBoth('nothing else is looked at before readiness', async (stage) => {
  await stage.setUp(undefined, { maxBodyBytes: 1 });
  stage.sidecar.beAway(AWAY);
  assert.equal((await stage.ask('/api/x', ['Content-Length: 5'], { method: 'POST', body: 'hello' })).status, 503);
  assert.equal((await stage.ask('/api/../x')).status, 503);
});

onBoth('any request is 503 and opens no connection', async (stage) => {
  stage.sidecar.beAway(AWAY);
  const random = generator(20261125);
  const paths = Array.from({ length: 100 }, () => text(random, '#?', 30));
  for (const path of paths) {
    const method = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'][random(7)];
    const body = random(2) ? 'x'.repeat(random(300)) : null;
    const fields = body === null ? [] : [`Content-Length: ${body.length}`];
    const response = await stage.ask(`/api/${path}?${text(random, '#', 20)}`, fields, { method, body: body ?? '' });
    assert.equal(response.status, 503, path);
    assert.ok(method === 'HEAD' || response.json.code === 'sidecar_unavailable');
  }
  assert.equal(stage.upstream.calls.length, 0);
});

onBoth('during the start a request waits as long as it is told to', async (stage) => {
  await stage.setUp(undefined, { startWaitMs: 5000 });
  stage.sidecar.beAway({ state: 'starting', why: 'starting' });
  const wire = await stage.client();
  wire.send(request());
  assert.ok(await wire.isQuiet(100));
  stage.sidecar.beReady(stage.upstream.url);
  assert.equal((await wire.response()).status, 200);
});

onBoth('a start that takes longer is 503 with Retry-After', async (stage) => {
  await stage.setUp(undefined, { startWaitMs: 150 });
  stage.sidecar.beAway({ state: 'starting', why: 'starting', retryAfterSeconds: 1 });
  const began = performance.now();
  const response = await stage.ask();
  assert.ok(performance.now() - began >= 140);
  assert.equal(explained(response, 503, 'sidecar_unavailable').why, 'starting');
  assert.equal(response.get('retry-after'), '1');
});

onBoth('a start that fails ends the waiting', async (stage) => {
  await stage.setUp(undefined, { startWaitMs: 30_000 });
  stage.sidecar.beAway({ state: 'starting', why: 'starting' });
  const wire = await stage.client();
  wire.send(request());
  assert.ok(await wire.isQuiet(50));
  stage.sidecar.beAway(AWAY);
  assert.equal((await wire.response()).json.message, FAILURE.message);
});

onBoth('who leaves while it waits is not asked for', async (stage) => {
  await stage.setUp(undefined, { startWaitMs: 30_000 });
  stage.sidecar.beAway({ state: 'starting', why: 'starting' });
  const wire = await stage.client();
  wire.send(request());
  await sleep(50);
  wire.close();
  assert.equal((await stage.event()).outcome, 'client_gone');
  stage.sidecar.beReady(stage.upstream.url);
  await sleep(50);
  assert.equal(stage.upstream.calls.length, 0);
});

test('every reason has words', () => {
  for (const why of Object.keys(WORDS)) {
    const plain = unavailable({ state: 'failed', why, failure: null, retryAfterSeconds: null });
    assert.equal(plain.error, 'Flask server unavailable');
    assert.ok(plain.message && plain.suggestion);
    const explainedBy = unavailable({ state: 'failed', why, failure: FAILURE, retryAfterSeconds: 1 });
    assert.ok(explainedBy.message.startsWith(FAILURE.message));
    assert.ok(explainedBy.suggestion);
  }
});

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
