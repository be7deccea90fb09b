// Our adapter in Express 5: `node express_ours.mjs PORT [handler]`, as a middleware or in front of the application. The
// upstreams are nobody's sidecars, so that the adapter's double says where they are; the way of the requests is the same.
import http from 'node:http'
import express from 'express'
import { createFakeSidecar } from 'mediabridge/testing'

function sidecarAt (port, route) {
  const sidecar = createFakeSidecar({ routes: [route] })
  sidecar.beReady(`http://127.0.0.1:${port}`, 't'.repeat(32))
  return sidecar
}

const small = sidecarAt(process.env.UPSTREAM_SMALL, '/api/extract/small')
const large = sidecarAt(process.env.UPSTREAM_LARGE, '/api')
const app = express()
let server
if (process.argv[3] === 'handler') {
  server = http.createServer(small.handler(large.handler(app)))
} else {
  app.use(small.middleware())
  app.use(large.middleware())
  server = http.createServer(app)
}
server.listen(Number(process.argv[2]), '127.0.0.1', 1024)
