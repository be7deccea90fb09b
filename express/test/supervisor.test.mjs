// Supervisors that misbehave in every way: what comes of them is told, and nothing hangs.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSidecar } from '../index.mjs';
import { External } from '../lib/external.js';
import { alive, descendants, until } from './helpers/running.mjs';
import { ScriptedUpstream } from './helpers/scripted.mjs';
import { sleep } from './helpers/wire.mjs';

const STATUS = {
  state: 'ready', why: null, pid: 1, startedAt: null, lastHealthCheckAt: null, restarts: 0, lastExit: null,
  rssBytes: null, retryAfterSeconds: null, failure: null, replicas: [],
};
const READY = { event: 'ready', status: STATUS, url: 'http://127.0.0.1:9', token: 't', routes: [{ url: 'http://127.0.0.1:9', generation: 1 }] };
const UNTIL_STDIN_ENDS = 'process.stdin.resume().on("end", () => process.exit(0));';

/** A sidecar whose supervisor is this JavaScript. */
function scripted(t, code, options = {}) {
  const lines = [];
  const command = [process.execPath, '-e', `const READY = ${JSON.stringify(JSON.stringify(READY))};\n${code}`];
  const sidecar = createSidecar({ command, onLog: (line) => lines.push(line), ...options });
  t.after(() => sidecar.stop());
  return { sidecar, lines };
}

test('garbage between events, split lines and split characters do no harm', async (t) => {
  const { sidecar, lines } = scripted(t, `
    process.stdout.write('not JSON\\n{"event": 7}\\n[1]\\nnull\\n{"broken\\n\\n{"event":"unheard-of"}\\n');
    process.stdout.write(Buffer.from([0xff, 0xfe, 0x0a]));
    process.stdout.write('x'.repeat(6e6) + '\\n');
    const bytes = Buffer.from(READY.replace('"t"', '"t\\u00e4"') + '\\n');
    const send = (at) => at < bytes.length && process.stdout.write(bytes.subarray(at, at + 7), () => send(at + 7));
    send(0);
    ${UNTIL_STDIN_ENDS}`);
  const events = [];
  sidecar.on('event', (event) => events.push(event.event));
  await sidecar.start();
  assert.deepEqual(events, ['unheard-of', 'ready']);
  assert.ok(lines.includes('not JSON') && lines.includes('{"broken') && lines.includes('\ufffd\ufffd'));
  assert.ok(lines.every((line) => line.length <= 4 * 1024 * 1024));
});

test('an event called "error" is a line of the log, not an exception', async (t) => {
  const { sidecar, lines } = scripted(t, `
    console.log('{"event":"error","message":"Unknown command","suggestion":"Use stop."}');
    console.log(READY); ${UNTIL_STDIN_ENDS}`);
  await sidecar.start();
  assert.match(lines.join('\n'), /Unknown command Use stop\./);
});

test('every line of a talkative supervisor is handed on', async (t) => {
  const { sidecar, lines } = scripted(t, `
    for (let at = 0; at < 20000; at++) process.stderr.write('line ' + at + '\\n');
    process.stderr.write('no end');
    console.log(READY); process.stdin.resume();`);
  const heard = [];
  sidecar.on('log', (line) => heard.push(line));
  await sidecar.start();
  await sidecar.stop();
  assert.equal(lines.filter((line) => line.startsWith('line ')).length, 20_000);
  assert.equal(lines.at(-1), 'no end');
  assert.deepEqual(heard, lines);
});

test('one that does not end when it is asked is killed', async (t) => {
  const code = 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000); console.log(READY);';
  const { sidecar, lines } = scripted(t, code, { stopTimeoutMs: 200 });
  await sidecar.start();
  const [pid] = descendants(process.pid);
  const began = performance.now();
  await sidecar.stop();
  assert.ok(performance.now() - began < 1500);
  assert.ok(!alive(pid));
  assert.equal(sidecar.status().state, 'stopped');
  assert.match(lines.join('\n'), /did not end within 0\.2 s and was killed/);
});

test('one that ends at once is told with its exit code and its last words', async (t) => {
  const { sidecar } = scripted(t, 'console.error("Usage: ..."); console.error("Error: no such option"); process.exitCode = 2;');
  const error = await sidecar.start().catch((problem) => problem);
  assert.equal(error.code, 'start_failed');
  assert.match(error.message, /ended by itself with exit code 2\. Error: no such option/);
  assert.match(error.failure.stderrTail, /Usage/);
  assert.equal(sidecar.status().why, 'start_failed');
});

test('one whose descendant holds its pipes open is known to be gone', async (t) => {
  const { sidecar } = scripted(t, `
    const { spawn } = require('node:child_process');
    spawn('sleep', ['5'], { stdio: 'inherit', detached: true }).unref();
    console.log(READY); setTimeout(() => process.exit(3), 100);`, { env: { SIDECAR_RESTART: 'never' } });
  await sidecar.start();
  await until(() => !sidecar.isReady, 'the end is noticed', 2500);
  assert.match(sidecar.status().failure.message, /exit code 3/);
});

test('one that cannot be run is told', async (t) => {
  const { sidecar } = scripted(t, '', { cwd: '/no/such/folder' });
  const error = await sidecar.start().catch((problem) => problem);
  assert.equal(error.code, 'start_failed');
  assert.match(error.message, /could not be run/);
});

test('one that ended in order is not started again', async (t) => {
  const code = 'console.log(READY); setTimeout(() => process.exit(0), 100);';
  const { sidecar } = scripted(t, code, { env: { SIDECAR_RESTART: 'on-failure' } });
  await sidecar.start();
  await until(() => sidecar.status().why === 'exited', 'the end is noticed');
  await sleep(1200);
  assert.equal(sidecar.status().why, 'exited');
});

test('a listener that throws does not end the supervision', async (t) => {
  const { sidecar, lines } = scripted(t, `console.log(READY); ${UNTIL_STDIN_ENDS}`);
  sidecar.on('ready', () => {
    throw new Error('a bug of the listener');
  });
  await sidecar.start();
  assert.match(lines.join('\n'), /a listener failed on ready.*a bug of the listener/s);
});

test('an "unhealthy" sidecar is not asked, and is when it has recovered', async (t) => {
  const { sidecar } = scripted(t, `
    console.log(READY);
    process.stdin.on('data', (word) => {
      if (!String(word).includes('reload')) return;
      const sick = JSON.parse(READY);
      console.log(JSON.stringify({ event: 'unhealthy', status: { ...sick.status, state: 'unhealthy', why: 'unhealthy' } }));
      setTimeout(() => console.log(READY), 300);
    }).on('end', () => process.exit(0));`);
  await sidecar.start();
  sidecar.reload();
  await until(() => sidecar.whyNotReady() !== null, 'it is unhealthy');
  assert.match(sidecar.whyNotReady().message, /does not answer its health checks/);
  await until(() => sidecar.isReady, 'it is ready again');
});

test('a sidecar of somebody else that is not there yet is asked until it is', async (t) => {
  const told = [];
  const upstream = await new ScriptedUpstream().listen();
  const { url } = upstream;
  await upstream.close();
  const pace = { tries: 3, everyMs: 20, laterMs: 20 };
  const settings = { url, token: 'secret' };
  const external = new External(settings, (known) => told.push(known.status), () => {}, pace);
  t.after(() => external.stop());
  await external.start();
  await until(() => told.at(-1).state === 'failed', 'it counts as failed');
  assert.match(told.at(-1).failure.message, /did not answer its health check/);
  const later = new ScriptedUpstream();
  await new Promise((resolve) => later.server.listen(Number(url.split(':').at(-1)), '127.0.0.1', resolve));
  await until(() => told.at(-1).state === 'ready', 'it is ready');
  const asked = await later.take();
  assert.deepEqual([asked.target, asked.get('x-mediabridge-token')], ['/health', 'secret']);
  await later.close();
});
