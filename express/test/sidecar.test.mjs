// With the real `mediabridge supervise`, and hosts that end in every way.

import assert from 'node:assert/strict';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SidecarError, createSidecar } from '../index.mjs';
import { COMMAND, Host, PHOTO, alive, descendants, needsCommand, until } from './helpers/running.mjs';
import { EXPRESSES } from './helpers/stage.mjs';
import { sleep } from './helpers/wire.mjs';

const HELLO = `
import os
def app(environ, start_response):
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
`;

/** A sidecar, and a server with it; both end with the test. */
async function set(t, options = {}, express = null) {
  const lines = [];
  const sidecar = createSidecar({ command: COMMAND, onLog: (line) => lines.push(line), ...options });
  const app = express?.();
  app?.use(sidecar.middleware());
  const server = http.createServer(app ?? sidecar.handler()).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  t.after(async () => {
    server.closeAllConnections();
    server.close();
    await sidecar.stop();
  });
  return { sidecar, url, lines };
}

/** A small WSGI application instead of our sidecar: starts faster, and says its pid. */
async function withHello(t, options = {}) {
  const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs');
  const folder = mkdtempSync(join(tmpdir(), 'mediabridge-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'hello.py'), HELLO);
  const args = ['--cwd', folder, '--wsgi', 'hello:app'];
  return set(t, { args, routes: ['/'], ...options });
}

function happenings(sidecar) {
  const names = [];
  for (const name of ['starting', 'ready', 'unhealthy', 'exited', 'restarting', 'failed', 'stopping', 'stopped']) {
    sidecar.on(name, () => names.push(name));
  }
  return names;
}

for (const [label, express] of Object.entries(EXPRESSES)) {
  test(`the main job: a photo through a real sidecar [${label}]`, { skip: needsCommand }, async (t) => {
    const { sidecar, url, lines } = await set(t, {}, express);
    const names = happenings(sidecar);
    assert.deepEqual([sidecar.isReady, sidecar.url, sidecar.status().why], [false, null, 'not_started']);
    assert.equal((await fetch(`${url}/health`)).status, 503);

    assert.equal(await sidecar.start(), sidecar);
    assert.deepEqual([sidecar.isReady, sidecar.status().state, sidecar.status().why], [true, 'ready', null]);
    assert.match(sidecar.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const { pid } = sidecar.status();
    assert.ok(alive(pid));

    const form = new FormData();
    form.append('file', new Blob([PHOTO]), 'photo.jpg');
    const response = await fetch(`${url}/api/extract`, { method: 'POST', body: form, headers: { 'X-Request-ID': 'mine-1' } });
    const answer = await response.json();
    assert.equal(response.status, 200);
    assert.equal(answer.metadata.EXIF.Make, 'Canon');
    assert.deepEqual([answer.requestId, response.headers.get('x-request-id')], ['mine-1', 'mine-1']);
    assert.equal((await fetch(`${url}/health`)).status, 200);
    assert.ok(lines.some((line) => line.startsWith('[Python] ')));

    await sidecar.stop();
    assert.ok(!alive(pid));
    assert.deepEqual(names, ['starting', 'ready', 'stopping', 'stopped']);
    const away = await fetch(`${url}/health`);
    assert.deepEqual([away.status, (await away.json()).why], [503, 'stopped']);
  });
}

test('the sidecar is asked with its token', { skip: needsCommand }, async (t) => {
  const { sidecar } = await set(t);
  await sidecar.start();
  const direct = await fetch(`${sidecar.url}/api/extract/health`);
  assert.ok([401, 403].includes(direct.status), `${direct.status}`);
});

test('a start that fails rejects with the words, and requests get the same', { skip: needsCommand }, async (t) => {
  const { sidecar, url } = await set(t, { args: ['--wsgi', 'no_such_module:app'] });
  const names = happenings(sidecar);
  const error = await sidecar.start().catch((problem) => problem);
  assert.ok(error instanceof SidecarError);
  assert.deepEqual([error.name, error.code, error.failure.kind], ['SidecarError', 'start_failed', 'target_missing']);
  assert.ok(error.message && error.suggestion);
  assert.match(error.failure.stderrHead, /no_such_module/);
  assert.ok(names.includes('failed'));
  const response = await fetch(`${url}/health`);
  const answer = await response.json();
  assert.deepEqual([response.status, answer.message, answer.suggestion], [503, error.message, error.suggestion]);
  await assert.rejects(sidecar.start(), SidecarError); // once more, from the beginning
});

test('a command that is not there rejects with the mend, and requests get the same', async (t) => {
  const { sidecar, url, lines } = await set(t, { command: './no-such-program' });
  const error = await sidecar.start().catch((problem) => problem);
  assert.deepEqual([error.code, error instanceof SidecarError], ['command_not_found', true]);
  assert.match(error.suggestion, /pip install mediabridge/);
  const answer = await (await fetch(`${url}/health`)).json();
  assert.deepEqual([answer.message, answer.suggestion], [error.message, error.suggestion]);
  assert.match(lines.join(), /no-such-program/);
});

test('a crash is told, and with SIDECAR_RESTART mended', { skip: needsCommand }, async (t) => {
  const { sidecar, url } = await withHello(t, { env: { SIDECAR_RESTART: 'on-failure' }, startWaitMs: 15_000 });
  const names = happenings(sidecar);
  await sidecar.start();
  const { pid } = sidecar.status();
  process.kill(pid, 'SIGKILL');
  await until(() => names.includes('exited'), 'the exit is told');
  await until(() => sidecar.isReady && sidecar.status().pid !== pid, 'it is ready again');
  assert.equal(await (await fetch(url)).text(), String(sidecar.status().pid));
  assert.ok(sidecar.status().restarts >= 1);
});

test('without it requests get the reason', { skip: needsCommand }, async (t) => {
  const { sidecar, url } = await withHello(t, { env: { SIDECAR_RESTART: 'never' } });
  await sidecar.start();
  process.kill(sidecar.status().pid, 'SIGKILL');
  await until(() => !sidecar.isReady, 'it is not ready');
  const answer = await (await fetch(url)).json();
  assert.match(answer.message, /SIGKILL/);
  assert.deepEqual([answer.code, answer.why], ['sidecar_unavailable', 'exited']);
  await sidecar.start();
  assert.equal((await fetch(url)).status, 200);
});

test('a reload loses no request', { skip: needsCommand }, async (t) => {
  const { sidecar, url } = await withHello(t);
  await sidecar.start();
  const { pid } = sidecar.status();
  let retired = false;
  sidecar.on('event', (event) => (retired ||= event.event === 'retired'));
  const statuses = [];
  const pids = [];
  const ask = async () => {
    const response = await fetch(url, { method: statuses.length % 2 ? 'POST' : 'GET' });
    statuses.push(response.status);
    pids.push(await response.text());
  };
  await ask();
  sidecar.reload();
  await until(async () => {
    await ask();
    return retired;
  }, 'the old process is gone');
  await ask();
  assert.deepEqual([...new Set(statuses)], [200]);
  const now = sidecar.status().pid;
  assert.notEqual(now, pid);
  assert.deepEqual([pids[0], pids.at(-1)], [String(pid), String(now)]);
});

test('several replicas share the work', { skip: needsCommand }, async (t) => {
  const { sidecar, url } = await withHello(t, { env: { SIDECAR_REPLICAS: '2' } });
  await sidecar.start();
  await until(() => sidecar.status().replicas.every((one) => one.state === 'ready'), 'both are ready');
  const pids = new Set();
  for (let round = 0; round < 6; round++) {
    pids.add(await (await fetch(url)).text());
  }
  assert.equal(pids.size, 2);
  const [first] = sidecar.status().replicas;
  process.kill(first.pid, 'SIGKILL');
  await until(() => sidecar.status().replicas[0].state !== 'ready', 'one is known to be gone');
  for (let round = 0; round < 6; round++) {
    assert.equal((await fetch(url, { method: 'POST' })).status, 200);
  }
});

test('a sidecar on a Unix socket', { skip: needsCommand }, async (t) => {
  const { sidecar, url } = await withHello(t, { env: { FLASK_SOCKET: join(tmpdir(), `mediabridge-${process.pid}.sock`) } });
  await sidecar.start();
  assert.match(sidecar.url, /^unix:/);
  assert.equal((await fetch(url)).status, 200);
});

test('a sidecar that somebody else runs', { skip: needsCommand }, async (t) => {
  const first = await set(t);
  let token;
  first.sidecar.on('event', (event) => (token ??= event.token));
  await first.sidecar.start();
  const second = await set(t, { url: first.sidecar.url, token });
  assert.equal((await fetch(`${second.url}/health`)).status, 503); // not before it has answered once
  await second.sidecar.start();
  assert.equal(second.sidecar.url, first.sidecar.url);
  assert.equal((await fetch(`${second.url}/health`)).status, 200);
  await second.sidecar.stop();
  assert.equal((await fetch(`${second.url}/health`)).status, 503);
  assert.ok(first.sidecar.isReady);
});

test('stop in the middle of a start ends both', { skip: needsCommand }, async (t) => {
  for (const delay of [0, 30, 200]) {
    const { sidecar } = await withHello(t);
    const started = sidecar.start().catch((problem) => problem);
    await sleep(delay);
    await sidecar.stop();
    const error = await started;
    assert.ok(error === sidecar || error.code === 'stopped', String(error));
    assert.deepEqual(descendants(process.pid), []);
    assert.equal(sidecar.status().state, 'stopped');
  }
});

test('start and stop may be called at any time, in any number', { skip: needsCommand }, async (t) => {
  const { sidecar, url } = await withHello(t);
  await sidecar.stop();
  const [one, other] = await Promise.all([sidecar.start(), sidecar.start()]);
  assert.equal(one, other);
  assert.equal(await sidecar.start(), sidecar);
  await Promise.all([sidecar.stop(), sidecar.stop()]);
  await sidecar.start();
  assert.equal((await fetch(url)).status, 200);
});

test('await using stops it', { skip: needsCommand }, async (t) => {
  const { sidecar } = await withHello(t);
  await sidecar.start();
  const { pid } = sidecar.status();
  await sidecar[Symbol.asyncDispose]();
  assert.ok(!alive(pid));
});

test('a supervisor that is killed takes the sidecar along, and is started again', { skip: needsCommand }, async (t) => {
  const { sidecar, url } = await withHello(t, { env: { SIDECAR_RESTART: 'on-failure' } });
  const names = happenings(sidecar);
  await sidecar.start();
  const [supervisor, ...rest] = descendants(process.pid);
  process.kill(supervisor, 'SIGKILL');
  await until(() => names.includes('exited'), 'the end is told');
  const response = await fetch(url);
  const answer = await response.json();
  assert.match(answer.message, /mediabridge supervise was killed by SIGKILL/);
  assert.deepEqual([response.status, answer.why, response.headers.get('retry-after')], [503, 'restarting', '1']);
  await until(() => !rest.some(alive), 'nothing of it is left', 2000);
  await until(() => sidecar.isReady, 'it is ready again');
  assert.equal((await fetch(url)).status, 200);
});

for (const [how, end] of Object.entries({
  'killed with SIGKILL': (host) => host.child.kill('SIGKILL'),
  'ended by SIGTERM, which closes its server': (host) => host.child.kill('SIGTERM'),
})) {
  test(`a host that is ${how} leaves nothing behind`, { skip: needsCommand }, async (t) => {
    const host = new Host('serve');
    t.after(() => host.close());
    const { pid, port } = await host.said('ready');
    assert.equal((await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: 'close' } })).status, 200);
    const tree = host.tree();
    assert.ok(tree.includes(pid));
    end(host);
    await host.ended;
    await until(() => !tree.some(alive), 'everything is gone', how.includes('SIGKILL') ? 2000 : 10_000);
  });
}

for (const what of ['forget', 'crash', 'exit']) {
  test(`a host that ends by itself (${what}) leaves nothing behind`, { skip: needsCommand }, async (t) => {
    const host = new Host(what);
    t.after(() => host.close());
    const { pid } = await host.said('ready');
    await until(() => !alive(host.child.pid), 'the host has ended', 5000);
    await until(() => !alive(pid), 'the sidecar has ended', 10_000);
  });
}

test('Ctrl+C is the host\'s: the sidecar serves until the host is done', { skip: needsCommand }, async (t) => {
  const host = new Host('serve');
  t.after(() => host.close());
  const { pid, port } = await host.said('ready');
  host.kill('SIGINT'); // the whole group, as a terminal does
  await host.said('interrupted');
  await sleep(300);
  assert.ok(alive(pid));
  assert.equal((await fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: 'close' } })).status, 200);
  host.kill('SIGTERM');
  await host.said('stopped');
  assert.deepEqual(await host.ended, { code: 0, signal: null });
  assert.ok(!alive(pid));
});
