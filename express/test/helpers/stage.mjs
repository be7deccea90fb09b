// The stage on which most tests play: client, a real Express 4 or 5, the middleware, a scripted upstream.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { createFakeSidecar } from '../../lib/testing.js';
import { ScriptedUpstream, alwaysOk } from './scripted.mjs';
import { connect, request, within } from './wire.mjs';

const require = createRequire(import.meta.url);
export const EXPRESSES = { 'Express 4': require('express4'), 'Express 5': require('express5') };
const ROUTES = ['/api', '/health'];

export class Stage {
  #wires = [];
  #events = [];
  #waiting = [];

  constructor(express) {
    this.express = express;
  }

  /**
   * The script of the upstream, and a fresh sidecar and server. `before`: middlewares in front of ours; `attach`: with
   * what a middleware cannot do; `expectProblems`: the log of the proxy may have lines.
   */
  async setUp(script = alwaysOk, { before = [], attach = false, expectProblems = false, path, token, ...options } = {}) {
    await this.close();
    this.expectProblems = expectProblems;
    this.upstream = await new ScriptedUpstream(script).listen(path);
    this.sidecar = createFakeSidecar({ routes: ROUTES, onRequest: (event) => this.#record(event), ...options });
    this.sidecar.beReady(this.upstream.url, token);
    const app = this.express();
    app.disable('x-powered-by');
    before.forEach((middleware) => app.use(middleware));
    app.use(this.sidecar.middleware());
    app.use((req, res) => res.status(404).json({ code: 'host', path: req.path }));
    this.app = app;
    await this.#listen(http.createServer(app), attach);
    return this;
  }

  async #listen(server, attach) {
    this.server = server;
    if (attach) {
      this.sidecar.attach(server);
    }
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.port = server.address().port;
  }

  #record(event) {
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting(event);
    } else {
      this.#events.push(event);
    }
  }

  /** The next event of `onRequest`. */
  event() {
    const event = this.#events.shift();
    return event ? Promise.resolve(event) : within(new Promise((resolve) => this.#waiting.push(resolve)), 'an event');
  }

  async client() {
    const wire = await connect(this.port);
    this.#wires.push(wire);
    return wire;
  }

  /** One request on a connection of its own, and its response. The body's framing is the caller's. */
  async ask(target = '/api/x', fields = [], { method = 'GET', body = '' } = {}) {
    const wire = await this.client();
    wire.send(request(target, fields, { method }), body);
    const response = await wire.response(method);
    wire.close();
    return response;
  }

  /** Ask, and give what reached the upstream. */
  async forwarded(target, fields, how) {
    const response = await this.ask(target, fields, how);
    assert.equal(response.status, 200);
    return this.upstream.take();
  }

  async close() {
    if (!this.server) {
      return;
    }
    const { server } = this;
    this.server = null;
    this.#wires.splice(0).forEach((wire) => wire.close());
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await this.sidecar.stop();
    await this.upstream.close();
    if (!this.expectProblems) {
      assert.deepEqual(this.sidecar.problems, []);
    }
  }
}

/** One test on both Expresses. */
export function onBoth(name, body) {
  for (const [label, express] of Object.entries(EXPRESSES)) {
    test(`${name} [${label}]`, async (t) => {
      const stage = new Stage(express);
      try {
        await stage.setUp();
        await body(stage, t);
      } finally {
        await stage.close();
      }
    });
  }
}

const FIELDS = ['error', 'message', 'suggestion', 'timestamp', 'status', 'code', 'requestId'];

/** The JSON of CONTRACT §3, checked. */
export function explained(response, status, code) {
  assert.equal(response.status, status, response.text);
  assert.equal(response.get('content-type'), 'application/json');
  const answer = response.json;
  for (const field of FIELDS) {
    assert.ok(answer[field], `${field} is missing`);
  }
  assert.deepEqual([answer.status, answer.code], [status, code]);
  assert.equal(answer.requestId, response.get('x-request-id'));
  assert.match(answer.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(Math.abs(Date.now() - Date.parse(answer.timestamp)) < 60_000);
  return answer;
}
