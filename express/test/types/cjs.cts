// Compiled only: what a user writes in CommonJS.

import http = require('node:http');
import mediabridge = require('mediabridge');

const sidecar: mediabridge.Sidecar = mediabridge.createSidecar({ port: 5001 });
http.createServer(sidecar.handler((_req, res) => res.end('mine'))).listen(8080);
void sidecar.start().then((ready) => ready.stop());
const code: mediabridge.SidecarErrorCode = 'start_failed';
export = code;
