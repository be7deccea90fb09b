// exiftool-vendored as a process: a JSON list of paths a line in; [seconds, [milliseconds of each file]] a line out.
import { ExifTool } from 'exiftool-vendored';
import { createInterface } from 'node:readline';

const processes = Number(process.argv[2]);
const exiftool = new ExifTool({ maxProcs: processes, useMostRecentExiftool: false });

async function readAll(paths) {
  const times = [];
  let next = 0;
  const began = performance.now();
  const lane = async () => {
    while (next < paths.length) {
      const path = paths[next++];
      const start = performance.now();
      await exiftool.read(path);
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: processes }, lane));
  return [(performance.now() - began) / 1000, times];
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await readAll(JSON.parse(line)))}\n`);
}
await exiftool.end();
