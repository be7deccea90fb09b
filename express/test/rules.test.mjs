// The small pure parts: routes, trusted peers, ids, headers, lines, options, the command.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findCommand } from '../lib/command.js';
import { SidecarError } from '../lib/errors.js';
import { field, responseHeaders } from '../lib/headers.js';
import { Lines } from '../lib/lines.js';
import { proxyOptions } from '../lib/options.js';
import { newRequestId } from '../lib/request_id.js';
import { Routes, hasDotSegment } from '../lib/routes.js';
import { settingsOf } from '../lib/settings.js';
import { NOTHING, after } from '../lib/state.js';
import { Trusted, peerOf } from '../lib/trusted.js';

test('routes match whole segments, the longest first', () => {
  const routes = new Routes(['/api', '/api/extract/', '/health']);
  const found = ['/api', '/api/', '/api/x', '/api/extract', '/api/extract/a', '/health', '/apix', '/', '/heal', '/x/api'];
  assert.deepEqual(found.map((path) => routes.find(path)), [
    '/api', '/api', '/api', '/api/extract', '/api/extract', '/health', null, null, null, null,
  ]);
  assert.equal(new Routes(['/']).find('/anything'), '/');
  assert.equal(new Routes([]).find('/anything'), null);
});

test('routes that are no plain absolute paths are refused', () => {
  for (const wrong of ['api', '', '/a?b', '/a#b', '/a b', '/a/../b', '/%61', 7, null]) {
    assert.throws(() => new Routes([wrong]), TypeError);
  }
});

test('dot segments are seen in every spelling, other dots are not', () => {
  for (const path of ['/.', '/a/..', '/a/%2e', '/a/.%2E/b', '/a%2F..', '/a/..;x', '/a\\..\\b', '/a/%5c..', '/..%2f']) {
    assert.ok(hasDotSegment(path), path);
  }
  for (const path of ['/', '/a.b', '/...', '/.hidden', '/a..', '/a%2eb', '/%2e%2e%2e', '/a/..b', '/%252e%252e/']) {
    assert.ok(!hasDotSegment(path), path);
  }
});

test('trusted peers', () => {
  const some = new Trusted(['10.0.0.0/8', '192.168.1.7', '2001:db8::/32']);
  const peers = ['10.1.2.3', '192.168.1.7', '2001:db8::1', '11.0.0.1', '192.168.1.8', '2001:db9::1', 'nonsense', null];
  assert.deepEqual(peers.map((peer) => some.covers(peer)), [true, true, true, false, false, false, false, false]);
  assert.deepEqual([null, '1.2.3.4'].map((peer) => new Trusted(['unix']).covers(peer)), [true, false]);
  assert.deepEqual([null, '1.2.3.4'].map((peer) => new Trusted(['*']).covers(peer)), [true, true]);
  for (const wrong of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', 'localhost', '']) {
    assert.throws(() => new Trusted([wrong]), TypeError);
  }
});

test('a peer on a dual-stack socket is the IPv4 address that it is', () => {
  assert.deepEqual(['::ffff:10.1.2.3', '::1', '10.1.2.3', undefined].map(peerOf), ['10.1.2.3', '::1', '10.1.2.3', null]);
});

test('request ids are ULIDs: unique, and sorted by time', () => {
  const ids = Array.from({ length: 20_000 }, newRequestId);
  assert.equal(new Set(ids).size, ids.length);
  assert.ok(ids.every((id) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)));
  const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  const ms = [...ids.at(-1).slice(0, 10)].reduce((sum, letter) => sum * 32 + letters.indexOf(letter), 0);
  assert.ok(Math.abs(Date.now() - ms) < 1000);
});

test('the cache of header names does not grow without end', () => {
  for (let at = 0; at < 5000; at++) {
    assert.equal(field(`X-Random-${at}`).lower, `x-random-${at}`);
  }
  assert.deepEqual([field('connection').lower, field('X-Forwarded-Weird').plain], ['connection', 'x-forwarded-weird']);
});

test('Trailer stays only where trailers can pass', () => {
  const received = ['Trailer', 'X-Sum', 'X-A', '1'];
  assert.deepEqual(responseHeaders(received, { status: 200, trailers: true }), received);
  assert.deepEqual(responseHeaders(received, { status: 200, trailers: false }), ['X-A', '1']);
});

test('lines: parts, long ones, split characters, CRLF, a last one without end', () => {
  const seen = [];
  const lines = new Lines((line) => seen.push(line), 10);
  const text = Buffer.from('one\r\ntw\u00e4\n\n0123456789abcdef\nlast');
  for (const byte of text) {
    lines.feed(Buffer.from([byte]));
  }
  lines.end();
  assert.deepEqual(seen, ['one', 'tw\u00e4', '', '0123456789', 'last']);
  seen.length = 0;
  const whole = new Lines((line) => seen.push(line));
  whole.feed(text);
  whole.feed(Buffer.from([0xff, 0x0a]));
  assert.deepEqual(seen, ['one', 'tw\u00e4', '', '0123456789abcdef', 'last\ufffd']);
});

test('options: defaults from the environment, a bad one is told and passed over', () => {
  const said = [];
  const read = (options, env = {}) => proxyOptions(options, env, (line) => said.push(line));
  assert.deepEqual([read({}).limits.maxBodyBytes, read({}).limits.firstByteMs, read({}).startWaitMs], [2 ** 31, 195_000, 0]);
  const env = { EXTRACT_MAX_MB: '1', EXTRACT_TIMEOUT: '10', PROXY_START_WAIT: '2500' };
  const { limits, startWaitMs } = read({}, env);
  assert.deepEqual([limits.maxBodyBytes, limits.firstByteMs, startWaitMs], [1_048_576, 25_000, 2500]);
  assert.equal(read({ maxBodyBytes: null }, env).limits.maxBodyBytes, null);
  assert.deepEqual(said, []);
  assert.equal(read({}, { PROXY_START_WAIT: 'soon' }).startWaitMs, 0);
  assert.match(said.join(), /PROXY_START_WAIT.*"soon".*default 0/);
  for (const wrong of [{ maxBodyBytes: -1 }, { startWaitMs: 'x' }, { timeouts: { idleMs: NaN } }, { trusted: ['x'] }, { routes: ['x'] }]) {
    assert.throws(() => read(wrong), TypeError);
  }
});

test('settings: any free port, unless somebody has chosen one', () => {
  const args = (options, env = {}) => settingsOf(options, env).args;
  assert.deepEqual(args({}), ['supervise', '--sidecar-port', '0']);
  assert.deepEqual(args({ port: 5005, args: ['--module', 'x'] }, { FLASK_PORT: '1' }), ['supervise', '--sidecar-port', '5005', '--module', 'x']);
  assert.deepEqual(args({}, { FLASK_PORT: '5001' }), ['supervise']);
  assert.deepEqual(args({ env: { FLASK_SOCKET: '/run/x' } }), ['supervise']);
  for (const wrong of [{ port: 70_000 }, { port: 'x' }, { args: 'x' }, { stopTimeoutMs: -1 }]) {
    assert.throws(() => args(wrong), TypeError);
  }
});

test('settings: restart policy, patience and a sidecar of somebody else', () => {
  const read = (options, env) => settingsOf(options, env);
  assert.deepEqual([read({}, {}).restarts, read({}, { NODE_ENV: 'production' }).restarts], [false, true]);
  assert.equal(read({}, { NODE_ENV: 'production', SIDECAR_RESTART: 'never' }).restarts, false);
  assert.equal(read({}, { FLASK_SHUTDOWN_TIMEOUT: '1000' }).stopTimeoutMs, 8000);
  const env = { SIDECAR_URL: 'http://127.0.0.1:1', SIDECAR_TOKEN: 't' };
  assert.deepEqual([read({}, env).url, read({}, env).token, read({ command: 'x' }, env).url], ['http://127.0.0.1:1', 't', null]);
});

test('the command: option, environment, PATH, .venv, in this order', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'mediabridge-'));
  t.after(() => rmSync(home, { recursive: true }));
  const program = (...parts) => {
    const file = join(home, ...parts);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, '#!/bin/sh\n');
    chmodSync(file, 0o755);
    return file;
  };
  const find = (more = {}, env = {}) => findCommand({ cwd: home, env, ...more });
  assert.throws(() => find(), (error) => {
    assert.ok(error instanceof SidecarError);
    assert.equal(error.code, 'command_not_found');
    assert.match(error.message, /not on PATH.*\.venv/);
    assert.match(error.suggestion, /pip install mediabridge.*MEDIABRIDGE_COMMAND/);
    return true;
  });
  const venv = program('.venv', 'bin', 'mediabridge');
  assert.deepEqual(find(), [venv]);
  const onPath = program('bin', 'mediabridge');
  const PATH = `/nowhere:${join(home, 'bin')}`;
  assert.deepEqual(find({}, { PATH }), [onPath]);
  const spaced = program('with space', 'mb');
  assert.deepEqual(find({}, { PATH, MEDIABRIDGE_COMMAND: spaced }), [spaced]);
  assert.deepEqual(find({}, { PATH, MEDIABRIDGE_COMMAND: 'mediabridge --x' }), [onPath, '--x']);
  assert.deepEqual(find({ command: 'bin/mediabridge' }, { MEDIABRIDGE_COMMAND: spaced }), [onPath]);
  assert.deepEqual(find({ command: [onPath, '-v'] }), [onPath, '-v']);
  for (const wrong of [{ command: 'no-such' }, { command: './no-such' }, { command: home }]) {
    assert.throws(() => find(wrong, { PATH }), /is not a program that can be run/);
  }
  assert.throws(() => find({}, { MEDIABRIDGE_COMMAND: 'no-such' }), /MEDIABRIDGE_COMMAND names "no-such"/);
});

const STATUS = { state: 'ready', why: null, replicas: [] };
const replica = (pid, state = 'ready') => ({ name: `Python ${pid}`, pid, state });

test('state: replicas that are not ready are left out, those that stay keep their count', () => {
  const routes = [{ url: 'http://127.0.0.1:1', generation: 11 }, { url: 'http://127.0.0.1:2', generation: 12 }];
  const status = { ...STATUS, replicas: [replica(11), replica(12)] };
  const first = after(NOTHING, { event: 'ready', status, token: 't', routes });
  assert.deepEqual(first.endpoints.map((one) => one.url), routes.map((one) => one.url));
  assert.deepEqual(first.endpoints[0].headers, { 'X-Mediabridge-Token': 't' });
  const gone = after(first, { event: 'exited', status: { ...STATUS, replicas: [replica(11), replica(null, 'backoff')] } });
  assert.deepEqual(gone.endpoints, [first.endpoints[0]]);
  const back = after(gone, { event: 'ready', status: { ...STATUS, replicas: [replica(11), replica(13)] }, token: 't', routes: [routes[0], { ...routes[1], generation: 13 }] });
  assert.deepEqual(back.endpoints, first.endpoints);
  const other = after(back, { event: 'ready', status, token: 'new', routes });
  assert.notEqual(other.endpoints[0], first.endpoints[0]);
});

test('state: what is not understood changes nothing', () => {
  for (const event of [{ event: 'x' }, { event: 'x', status: null }, { event: 'x', status: 'ready' }, { event: 'x', status: {} }]) {
    assert.deepEqual(after(NOTHING, event), NOTHING);
  }
});
