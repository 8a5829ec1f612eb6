import { build } from 'vite'
import { gzipSync } from 'node:zlib'
import { writeFileSync } from 'node:fs'
const r = await build({
  configFile: false,
  logLevel: 'silent',
  build: {
    write: false,
    modulePreload: false,
    rolldownOptions: { input: '/work/main/dist/client/index.js', preserveEntrySignatures: 'strict' },
  },
})
const out = [r].flat()[0].output[0]
console.log(
  'min',
  out.code.length,
  'gzip',
  gzipSync(out.code).length,
  (gzipSync(out.code).length / 1024).toFixed(3),
)
writeFileSync('/tmp/client.min.js', out.code)
