// Our adapter in Express 5: `node express_ours.mjs PORT`. A stand-in for `mediabridge supervise` says where to go.
import express from 'express'
import { createSidecar } from 'mediabridge'

const ready = port => ['-c', `
import json, sys
token = 't' * 32
url = 'http://127.0.0.1:${port}'
print(json.dumps({'event': 'ready', 'replica': 'Python', 'pid': 1, 'words': '', 'failure': None, 'url': url, 'token': token,
  'routes': [{'url': url, 'generation': 1}], 'status': {'state': 'ready', 'why': None, 'replicas': []}}), flush=True)
sys.stdin.read()`]

const app = express()
for (const [route, port] of [['/api/extract/small', process.env.UPSTREAM_SMALL], ['/api', process.env.UPSTREAM_LARGE]]) {
  const sidecar = createSidecar({ command: 'python3', args: ready(port), routes: [route] })
  app.use(sidecar.middleware())
  await sidecar.start()
}
app.listen(Number(process.argv[2]), '127.0.0.1', 1024)
