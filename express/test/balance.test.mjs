// Several replicas: which of them is asked, which is left out, and what happens to a request that could not reach one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Balance, Endpoint } from '../lib/endpoints.js';
import { ScriptedUpstream } from './helpers/scripted.mjs';
import { explained, onBoth } from './helpers/stage.mjs';
import { gate, request, sleep } from './helpers/wire.mjs';

const POST = { method: 'POST', body: 'ab' };
const TWO = ['Content-Length: 2'];
const times = (count, action) => Array.from({ length: count }, (_, index) => action(index));

/** A replica that answers everything with its name. */
function named(name) {
  return new ScriptedUpstream(async (call) => {
    while (await call.request()) {
      call.answer(name);
    }
  }).listen();
}

/** A replica that takes a request and dies on it: the connection is reset before a byte of an answer. */
function dying() {
  return new ScriptedUpstream(async (call) => {
    await call.request();
    call.reset();
  }).listen();
}

async function gone() {
  const one = await new ScriptedUpstream().listen();
  await one.close();
  return one;
}

async function asked(stage, count, how) {
  const texts = [];
  for (let round = 0; round < count; round++) {
    const response = await stage.ask('/api/x', ...(how ?? []));
    texts.push(response.status === 200 ? response.text : response.status);
  }
  return texts;
}

onBoth('of several replicas the one with the fewest requests is asked', async (stage) => {
  const release = gate();
  const scripts = (name) => async (call) => {
    let received;
    while ((received = await call.request())) {
      if (received.target === '/api/slow') {
        await release.promise;
      }
      call.answer(name);
    }
  };
  const replicas = [];
  for (const name of ['a', 'b']) {
    replicas.push(await new ScriptedUpstream(scripts(name)).listen());
  }
  stage.sidecar.beReady(replicas.map((one) => one.url));
  const slow = await stage.client();
  slow.send(request('/api/slow'));
  while (replicas[0].count + replicas[1].count === 0) {
    await sleep(5);
  }
  const busy = replicas[0].count > 0 ? 'a' : 'b';
  for (let round = 0; round < 4; round++) {
    assert.notEqual((await stage.ask()).text, busy);
  }
  release.open();
  await slow.response();
  const used = new Set();
  for (let round = 0; round < 4; round++) {
    used.add((await stage.ask()).text);
  }
  assert.deepEqual([...used].sort(), ['a', 'b']); // equals take turns
  await Promise.all(replicas.map((one) => one.close()));
});

onBoth('a replica that refuses connections is left out, whatever the method', async (stage) => {
  const gone = await new ScriptedUpstream().listen();
  await gone.close();
  stage.sidecar.beReady([gone.url, stage.upstream.url]);
  for (let round = 0; round < 6; round++) {
    assert.equal((await stage.ask('/api/x', TWO, POST)).status, 200);
  }
});

onBoth('a replica that resets before it answers is left out while there is another', async (stage) => {
  const [bad, good] = [await dying(), await named('good')];
  stage.sidecar.beReady([bad.url, good.url]);
  const [first, ...later] = await asked(stage, 6, [TWO, POST]);
  assert.equal(first, 502); // it may have been worked on: nobody else gets it
  assert.deepEqual(later, times(5, () => 'good'));
  assert.equal(bad.count, 1);
  await Promise.all([bad.close(), good.close()]);
});

onBoth('one that has recovered is asked again', async (stage) => {
  let broken = true;
  const one = await new ScriptedUpstream(async (call) => {
    while (await call.request()) {
      if (broken) {
        call.reset();
        return;
      }
      call.answer('one');
    }
  }).listen();
  const other = await named('other');
  stage.sidecar.beReady([one.url, other.url]);
  assert.deepEqual(await asked(stage, 3), [502, 'other', 'other']);
  broken = false;
  const end = performance.now() + 10_000;
  while (!(await asked(stage, 1)).includes('one')) {
    assert.ok(performance.now() < end, 'it is never asked again');
    await sleep(20);
  }
  const used = new Set(await asked(stage, 4));
  assert.deepEqual([...used].sort(), ['one', 'other']); // and is one of them again
  await Promise.all([one.close(), other.close()]);
});

onBoth('the only replica is asked again at once', async (stage) => {
  const bad = await dying();
  stage.sidecar.beReady(bad.url);
  assert.deepEqual(await asked(stage, 3), [502, 502, 502]);
  assert.equal(bad.count, 3);
  await bad.close();
});

onBoth('when none can be reached the client is told, after each was tried', async (stage) => {
  const dead = [await gone(), await gone(), await gone()];
  stage.sidecar.beReady(dead.map((one) => one.url));
  explained(await stage.ask('/api/x', TWO, POST), 503, 'sidecar_unavailable');
  assert.equal((await stage.event()).outcome, 'unreachable');
});

onBoth('a body reaches whole the replica that could be reached', async (stage) => {
  const dead = await gone();
  stage.sidecar.beReady([dead.url, stage.upstream.url]);
  const body = 'x'.repeat(100_000);
  for (let round = 0; round < 4; round++) {
    const got = await stage.forwarded('/api/x', [`Content-Length: ${body.length}`], { method: 'POST', body });
    assert.equal(got.body.toString(), body);
  }
});

const pair = () => [new Endpoint('http://127.0.0.1:1'), new Endpoint('http://127.0.0.1:2')];

test('the rest doubles with each failure in a row, up to 8 s, and is over with the first success', () => {
  const [a, b] = pair();
  const balance = new Balance();
  const rests = [];
  let now = 1000;
  for (let round = 0; round < 8; round++) {
    balance.failed(a, now);
    rests.push(a.restsUntil - now);
    assert.equal(balance.pick([a, b], a.restsUntil - 1), b);
    now = a.restsUntil;
  }
  assert.deepEqual(rests, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  balance.worked(a);
  balance.failed(a, now);
  assert.equal(a.restsUntil - now, 250);
});

test('requests that one breakdown takes along count once', () => {
  const [a] = pair();
  const balance = new Balance();
  times(64, () => balance.failed(a, 1000));
  assert.equal(a.restsUntil, 1250);
});

test('after its rest it is tried with one request, the next wait for how that goes', () => {
  const [a, b] = pair();
  const balance = new Balance();
  balance.failed(a, 1000);
  b.outstanding = 5;
  assert.deepEqual(times(3, (index) => balance.pick([a, b], 1250 + index)), [a, b, b]);
  balance.failed(a, 1260); // the trial failed: twice in a row
  assert.equal(a.restsUntil, 1760);
  assert.equal(balance.pick([a, b], 1760), a);
  balance.worked(a);
  assert.deepEqual(times(3, (index) => balance.pick([a, b], 1761 + index)), [a, a, a]);
});

test('when all have failed the one whose rest ends first is tried', () => {
  const [a, b] = pair();
  const balance = new Balance();
  balance.failed(a, 1000);
  balance.failed(b, 1100);
  assert.equal(balance.pick([a, b], 1101), a);
  assert.equal(balance.pick([a, b], 1101, new Set([a])), b);
  assert.equal(balance.pick([a, b], 1101, new Set([a, b])), null);
  assert.equal(balance.pick([], 1101), null);
});

test('equals take turns, the idle one goes before', () => {
  const all = [...pair(), new Endpoint('http://127.0.0.1:3')];
  const balance = new Balance();
  const seen = times(6, () => balance.pick(all, 0));
  assert.deepEqual(seen, [...all, ...all]);
  all[0].outstanding = all[2].outstanding = 1;
  assert.deepEqual(times(3, () => balance.pick(all, 0)), times(3, () => all[1]));
});
