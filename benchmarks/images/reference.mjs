// sharp's picture of each file, as PNG: upright, in sRGB, transparency on white, within a box, never enlarged.
// Jobs on standard input, one JSON object a line: {"source", "target", "width", "height"}; answers likewise.
import { createInterface } from 'node:readline'
import sharp from 'sharp'

for await (const line of createInterface({ input: process.stdin })) {
  const { source, target, width, height } = JSON.parse(line)
  try {
    await sharp(source, { limitInputPixels: 100_000_000 })
      .autoOrient()
      .resize(width, height, { fit: 'inside', withoutEnlargement: true })
      .flatten({ background: '#ffffff' })
      .toColourspace('srgb')
      .png({ compressionLevel: 1 })
      .toFile(target)
    console.log(JSON.stringify({ source }))
  } catch (error) {
    console.log(JSON.stringify({ source, error: String(error.message) }))
  }
}
