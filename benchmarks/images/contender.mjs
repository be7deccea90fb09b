// sharp, `each`: a pipeline for each preset; `best`: one decode, each size from the next larger.
// A line {"files", "out"} on standard input is answered by {"wall", "ms"} in seconds and milliseconds.
import { createInterface } from 'node:readline'
import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import sharp from 'sharp'

const [how, workers] = [process.argv[2], Number(process.argv[3])]
const PRESETS = [
  ['ai-vision', 2048, null, 'jpeg', 90], ['ai-chat', 1920, null, 'jpeg', 85],
  ['preview', 800, null, 'jpeg', 85], ['thumbnail', 200, 200, 'webp', 80]
]
const sized = (from, [, width, height]) => from.resize(width, height, { fit: 'inside', withoutEnlargement: true })
const encoded = (from, [, , , format, quality]) => from[format]({ quality }).toBuffer()

async function each (file, made) {
  for (const preset of PRESETS) made(preset, await encoded(sized(sharp(file).autoOrient(), preset), preset))
}

async function best (file, made) {
  let from = sharp(file).autoOrient()
  for (const preset of PRESETS) {
    const { data, info } = await sized(from, preset).raw().toBuffer({ resolveWithObject: true })
    const raw = { width: info.width, height: info.height, channels: info.channels }
    made(preset, await encoded(sharp(data, { raw }), preset))
    from = sharp(data, { raw })
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { files, out } = JSON.parse(line)
  const [left, ms, began] = [[...files], [], performance.now()]
  const work = async () => {
    for (let file; (file = left.shift()) !== undefined;) {
      const [start, writes] = [performance.now(), []]
      await (how === 'each' ? each : best)(file, (preset, data) => {
        if (out) writes.push(writeFile(join(out, `${basename(file)}.${preset[0]}`), data))
      })
      await Promise.all(writes)
      ms.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
  console.log(JSON.stringify({ wall: (performance.now() - began) / 1000, ms }))
}
