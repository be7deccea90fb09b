// Compiled only: what a user writes in a module, against the types of Express.

import express from 'express';
import { DEFAULT_ROUTES, SidecarError, createSidecar } from 'mediabridge';
import type { RequestEvent, Sidecar, SidecarStatus } from 'mediabridge';
import { createFakeSidecar } from 'mediabridge/testing';

const events: RequestEvent[] = [];
const sidecar: Sidecar = createSidecar({
  command: ['python', '-m', 'mediabridge'],
  env: { SIDECAR_REPLICAS: '2' },
  routes: [...DEFAULT_ROUTES, '/upload'],
  startWaitMs: 2000,
  maxBodyBytes: null,
  timeouts: { firstByteMs: 60_000 },
  trusted: ['10.0.0.0/8'],
  headers: (req) => ({ 'x-user-id': String(req.headers['x-session']) }),
  onLog: (line) => line.toUpperCase(),
  onRequest: (event) => events.push(event),
});

const app = express();
app.use(sidecar.middleware());
app.use('/api/extract', sidecar.middleware());
const server = app.listen(0);
app.get('/metrics', (_req, res) => void res.type('text/plain; version=0.0.4').send(sidecar.metrics()));
const undo: () => void = sidecar.attach(server);
sidecar.stopWithServer(server);
sidecar.on('ready', ({ pid }) => pid?.toFixed()).once('log', (line) => line.length);

try {
  const same: Sidecar = await sidecar.start();
  const url: string | null = same.url;
  const status: SidecarStatus = sidecar.status();
  console.log(url, status.why, sidecar.isReady, status.failure?.suggestion);
} catch (error) {
  if (error instanceof SidecarError && error.code === 'command_not_found') {
    console.error(error.suggestion, error.failure?.stderrTail);
  }
}

{
  await using short = createSidecar();
  await short.start();
}

const fake = createFakeSidecar({ routes: ['/'] });
fake.beReady('http://127.0.0.1:1', 'token');
fake.beAway({ why: 'starting', retryAfterSeconds: 1 });
app.use(fake.middleware());
undo();

// @ts-expect-error not an option
createSidecar({ comand: 'x' });
// @ts-expect-error not an event
sidecar.on('redy', () => {});
// @ts-expect-error not a number
createSidecar({ startWaitMs: '2s' });
