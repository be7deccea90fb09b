// A host with Express 5, told by JSON lines on its standard input what to be. Each is answered by one line; events of
// the proxy are lines in between.

import http from 'node:http';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { createFakeSidecar } from '../../express/lib/testing.js';

const require = createRequire(new URL('../../express/package.json', import.meta.url));
const express = require('express5');
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
let sidecar = createFakeSidecar();
let server = http.createServer();

function application(parsed) {
  const app = express();
  app.disable('x-powered-by');
  if (parsed) {
    app.use(express.json());
  }
  app.use(sidecar.middleware());
  app.use((req, res) => res.status(404).json({ code: 'host' }));
  return app;
}

async function close() {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await sidecar.stop();
}

const COMMANDS = {
  async setUp({ way, parsed, options }) {
    await close();
    sidecar = createFakeSidecar({ ...options, onRequest: (event) => say({ event }) });
    const app = application(parsed);
    server = http.createServer(way === 'handler' ? sidecar.handler(app) : app);
    if (way !== 'bare') {
      sidecar.attach(server);
    }
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: server.address().port };
  },
  async ready({ url, token }) {
    sidecar.beReady(url, token ?? undefined);
    return {};
  },
  async away({ status }) {
    sidecar.beAway(status);
    return {};
  },
  async close() {
    await close();
    return { problems: sidecar.problems.map(String) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...more } = JSON.parse(line);
  say(await COMMANDS[command](more));
}
await close();
