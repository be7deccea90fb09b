// Our adapter in Express 5: `node express_ours.mjs PORT`. The upstreams are nobody's sidecars, so that the adapter's double
// says where they are; the way of the requests is the same.
import express from 'express'
import { createFakeSidecar } from 'mediabridge/testing'

const app = express()
for (const [route, port] of [['/api/extract/small', process.env.UPSTREAM_SMALL], ['/api', process.env.UPSTREAM_LARGE]]) {
  const sidecar = createFakeSidecar({ routes: [route] })
  sidecar.beReady(`http://127.0.0.1:${port}`, 't'.repeat(32))
  app.use(sidecar.middleware())
}
app.listen(Number(process.argv[2]), '127.0.0.1', 1024)
