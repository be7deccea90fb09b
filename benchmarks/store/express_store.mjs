// The peer: Express 5 with express.static, and an upload as its users would write it: the body streamed to a file, hashed
// on the way, flushed to the disk, renamed to its hash. `node express_store.mjs PORT PUBLIC_FOLDER STORE_FOLDER`.
import { createHash, randomUUID } from 'node:crypto'
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import express from 'express'

const [port, shown, stored] = process.argv.slice(2)
const app = express()
app.use(express.static(shown, { immutable: true, maxAge: '1y' }))

app.post('/upload', async (req, res) => {
  const temporary = join(stored, randomUUID())
  const hash = createHash('sha256')
  let size = 0
  const file = await open(temporary, 'wx')
  try {
    for await (const chunk of req) {
      hash.update(chunk)
      size += chunk.length
      await file.write(chunk)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  const contentHash = hash.digest('hex')
  const folder = join(stored, contentHash)
  await mkdir(folder, { recursive: true })
  await rename(temporary, join(folder, 'original'))
  res.json({ contentHash, size })
})

app.listen(Number(port), '127.0.0.1', 1024)
