// An Express application with mediabridge inside: its own page and route, and those of the sidecar beside them.

import express from 'express';
import { createSidecar } from 'mediabridge';

const PAGE = `<!doctype html><title>Photos</title>
<form action="/api/extract" method="post" enctype="multipart/form-data">
  <input type="file" name="file" required> <button>What does it say?</button>
</form>`;

const sidecar = createSidecar({ routes: ['/api/extract', '/health'] });
const app = express();
app.use(sidecar.middleware()); // before body parsers
app.get('/', (_req, res) => res.send(PAGE));
app.get('/api/photos', (_req, res) => res.json({ photos: [] }));

const server = app.listen(Number(process.env.PORT ?? 8000), '127.0.0.1');
sidecar.attach(server);
sidecar.stopWithServer(server);
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    server.close(); // the sidecar ends with it
    server.closeIdleConnections();
  });
}

// The application serves all the same while there is no sidecar: requests for it get 503 with these words.
await sidecar.start().catch((error) => console.error(error.message, error.suggestion));
