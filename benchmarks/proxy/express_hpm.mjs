// The peer: Express 5 and http-proxy-middleware 3. `node express_hpm.mjs PORT [keep-alive]`.
import http from 'node:http'
import express from 'express'
import { createProxyMiddleware } from 'http-proxy-middleware'

const agent = process.argv[3] === 'keep-alive' ? new http.Agent({ keepAlive: true, maxSockets: 256 }) : undefined
const target = port => createProxyMiddleware({ target: `http://127.0.0.1:${port}`, agent })
const small = target(process.env.UPSTREAM_SMALL)
const large = target(process.env.UPSTREAM_LARGE)
const app = express()
app.use((req, res, next) => (req.url.startsWith('/api/extract/small') ? small : large)(req, res, next))
app.listen(Number(process.argv[2]), '127.0.0.1', 1024)
