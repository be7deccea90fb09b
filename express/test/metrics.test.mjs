// What `sidecar.metrics()` says, read with the grammar of the exposition format.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Metrics } from '../lib/metrics.js';
import { onBoth } from './helpers/stage.mjs';
import { gate, request } from './helpers/wire.mjs';

const SAMPLE = /^([a-z_]+)\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\} (\d+(?:\.\d+)?(?:e[-+]\d+)?)$/;
const NAMES = {
  requests_total: 'counter', in_flight: 'gauge', request_bytes_total: 'counter', response_bytes_total: 'counter',
  first_byte_seconds: 'histogram', failures_total: 'counter',
};
const BOUNDS = '0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0 30.0 60.0 180.0 +Inf'.split(' ');

/** `name{labels}` → value, after a strict look at every line. */
function parsed(text) {
  assert.ok(text.endsWith('\n') && !text.includes('\n\n'));
  const samples = new Map();
  const types = new Map();
  let family = '';
  for (const line of text.trimEnd().split('\n')) {
    const [, about, name, rest] = /^# (HELP|TYPE) mediabridge_proxy_([a-z_]+) (.+)$/.exec(line) ?? [];
    if (about) {
      family = name;
      if (about === 'TYPE') {
        types.set(name, rest);
      }
      continue;
    }
    const [, full, labels, value] = SAMPLE.exec(line) ?? assert.fail(`not a sample: ${line}`);
    assert.ok(full.startsWith(`mediabridge_proxy_${family}`), `${full} stands under ${family}`);
    const key = `${full.slice('mediabridge_proxy_'.length)}{${labels}}`;
    assert.ok(!samples.has(key), `${key} comes twice`);
    samples.set(key, Number(value));
  }
  assert.deepEqual(Object.fromEntries(types), NAMES);
  return samples;
}

async function told(stage, count) {
  for (let number = 0; number < count; number++) {
    await stage.event();
  }
  return parsed(stage.sidecar.metrics());
}

onBoth('before the first request every route is there, with zeros', async (stage) => {
  const samples = parsed(stage.sidecar.metrics());
  for (const route of ['/api', '/health']) {
    assert.equal(samples.get(`in_flight{route="${route}"}`), 0);
    assert.equal(samples.get(`first_byte_seconds_count{route="${route}"}`), 0);
  }
});

onBoth('requests by method and status, and the bytes of their bodies', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.answer('12345', [], '404 Not Found');
    await call.request();
    call.answer('67');
  });
  await stage.ask('/api/x', ['Content-Length: 3'], { method: 'POST', body: 'abc' });
  await stage.ask('/health');
  const samples = await told(stage, 2);
  assert.equal(samples.get('requests_total{route="/api",method="POST",status="404"}'), 1);
  assert.equal(samples.get('requests_total{route="/health",method="GET",status="200"}'), 1);
  assert.equal(samples.get('request_bytes_total{route="/api"}'), 3);
  assert.equal(samples.get('response_bytes_total{route="/api"}'), 5);
  assert.equal(samples.get('response_bytes_total{route="/health"}'), 2);
  assert.equal(samples.get('first_byte_seconds_count{route="/api"}'), 1);
  assert.ok([...samples.keys()].every((key) => !key.startsWith('failures_total'))); // an answer is no failure
});

onBoth('a request is in flight until its response has been sent', async (stage) => {
  const [come, go] = [gate(), gate()];
  await stage.setUp(async (call) => {
    await call.request();
    come.open();
    await go.promise;
    call.answer();
  });
  const wire = await stage.client();
  wire.send(request());
  await come.opened();
  assert.equal(parsed(stage.sidecar.metrics()).get('in_flight{route="/api"}'), 1);
  go.open();
  await wire.response();
  assert.equal((await told(stage, 1)).get('in_flight{route="/api"}'), 0);
});

onBoth('failures are told by what happened', async (stage) => {
  await stage.setUp(async (call) => {
    await call.request();
    call.reset();
  }, { maxBodyBytes: 2 });
  await stage.ask();
  await stage.ask('/api/x', ['Content-Length: 3'], { method: 'POST', body: 'abc' });
  stage.sidecar.beReady('http://127.0.0.1:1');
  await stage.ask();
  stage.sidecar.beAway();
  await stage.ask();
  const samples = await told(stage, 4);
  for (const outcome of ['upstream_failed', 'too_large', 'unreachable', 'not_ready']) {
    assert.equal(samples.get(`failures_total{route="/api",outcome="${outcome}"}`), 1, outcome);
  }
  for (const [method, status, count] of [['GET', 502, 1], ['POST', 413, 1], ['GET', 503, 2]]) {
    assert.equal(samples.get(`requests_total{route="/api",method="${method}",status="${status}"}`), count);
  }
  assert.equal(samples.get('first_byte_seconds_count{route="/api"}'), 0); // nothing of the sidecar's has come
});

onBoth('what a client makes up gets no label of its own', async (stage) => {
  for (const method of ['PROPFIND', 'PURGE', 'GET']) {
    await stage.ask('/api/x', [], { method });
  }
  const samples = await told(stage, 3);
  assert.equal(samples.get('requests_total{route="/api",method="other",status="200"}'), 2);
  assert.equal(samples.get('requests_total{route="/api",method="GET",status="200"}'), 1);
});

onBoth('what the host answers is not counted', async (stage) => {
  await stage.ask('/own');
  await stage.ask();
  const samples = await told(stage, 1);
  assert.equal([...samples].filter(([key]) => key.startsWith('requests_total')).length, 1);
});

const EVENT = { method: 'GET', route: '/a', status: 200, outcome: 'ok', bytesIn: 0, bytesOut: 0 };

test('the buckets of the time to the first byte add up', () => {
  const metrics = new Metrics(['/a']);
  const times = [0.5, 1, 1.1, 100, 180_000, 200_000];
  for (const firstByteMs of [...times, null]) {
    metrics.began('/a');
    metrics.ended({ ...EVENT, firstByteMs });
  }
  const samples = parsed(metrics.text());
  const counts = BOUNDS.map((le) => samples.get(`first_byte_seconds_bucket{route="/a",le="${le}"}`));
  assert.deepEqual(counts, [2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6]); // a bound belongs to its bucket
  const sum = times.reduce((all, ms) => all + ms, 0) / 1000;
  assert.ok(Math.abs(samples.get('first_byte_seconds_sum{route="/a"}') - sum) < 1e-9);
});

test('label values are escaped', () => {
  const metrics = new Metrics(['/a"b\\c\nd']);
  assert.equal(parsed(metrics.text()).get('in_flight{route="/a\\"b\\\\c\\nd"}'), 0);
});
