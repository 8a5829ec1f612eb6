import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { type Rolldown, build } from 'vite'
import { expect, it } from 'vitest'

const KIB = 1_024

/** A file of the built package, bundled as a page would. */
async function bundle(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      modulePreload: false,
      rolldownOptions: {
        input: fileURLToPath(new URL(`../../dist/${entry}`, import.meta.url)),
        // An application's entry would lose its exports, and with them all it exports.
        preserveEntrySignatures: 'strict',
      },
    },
  })
  const [bundled] = [result].flat() as [Rolldown.RolldownOutput]
  return bundled.output[0].code
}

it('rtms/client is at most 12 KiB gzipped, and needs nothing else in a browser', async () => {
  const code = await bundle('client/index.js')
  expect(gzipSync(code).length).toBeLessThanOrEqual(12 * KIB)
  expect(code).not.toMatch(/\bfrom\s*["'][^."']/)
})
