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
  const [output] = (Array.isArray(result) ? result : [result]) as Rolldown.RolldownOutput[]
  return (output?.output[0] as { code: string }).code
}

it('rtms/client is at most 12 KiB gzipped, and needs nothing else in a browser', async () => {
  const code = await bundle('client/index.js')
  expect(gzipSync(code).length).toBeLessThanOrEqual(12 * KIB)
  expect(code).not.toMatch(/\bfrom\s*["'][^."']/)
})
