// A host of the kind that users write, told on its command line how to behave.

import http from 'node:http';
import { createSidecar } from '../../index.mjs';

const [what] = process.argv.slice(2);
const say = (said, more = {}) => process.stdout.write(`${JSON.stringify({ said, ...more })}\n`);
const sidecar = createSidecar({ onLog: () => {} });

const WAYS = {
  // Serves until it is killed.
  async serve() {
    const server = http.createServer(sidecar.handler()).listen(0, '127.0.0.1');
    sidecar.stopWithServer(server);
    process.on('SIGINT', () => say('interrupted'));
    process.on('SIGTERM', () => server.close());
    sidecar.on('stopped', () => say('stopped'));
    await sidecar.start();
    say('ready', { pid: sidecar.status().pid, port: server.address().port });
  },
  // Starts, and does nothing more.
  async forget() {
    await sidecar.start();
    say('ready', { pid: sidecar.status().pid });
  },
  async crash() {
    await sidecar.start();
    say('ready', { pid: sidecar.status().pid });
    setTimeout(() => {
      throw new Error('a bug of the host');
    }, 300);
  },
  async exit() {
    await sidecar.start();
    say('ready', { pid: sidecar.status().pid });
    setTimeout(() => process.exit(0), 300);
  },
};

await WAYS[what]();
