// A host whose memory is looked at: says its port, then its peak for every line that it gets.

import http from 'node:http';
import { createRequire } from 'node:module';
import { createFakeSidecar } from '../../lib/testing.js';

const [url, version] = process.argv.slice(2);
const express = createRequire(import.meta.url)(version);
const sidecar = createFakeSidecar({ routes: ['/api'] });
sidecar.beReady(url);
const app = express();
app.use(sidecar.middleware());
const server = http.createServer(app).listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('data', () => console.log(process.resourceUsage().maxRSS / 1024));
process.stdin.on('end', () => process.exit(0));
