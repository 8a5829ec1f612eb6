// `rtms/client` and `rtms/lockstep` in one file each, for pages without a bundler: part of the build, which ends where
// that is too much, or not all that a page needs.
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'

// Tests that build the package have another value: what a page gets would be more.
process.env.NODE_ENV = 'production'

const KIB = 1_024
/** Gzipped. */
const mostBytes = { client: 18.79 * KIB, lockstep: 2 * KIB }

const folder = new URL('../dist/page/', import.meta.url)
mkdirSync(folder)
for (const [name, most] of Object.entries(mostBytes)) await bundle(name, most)

async function bundle(name, most) {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      modulePreload: false,
      rolldownOptions: {
        input: fileURLToPath(new URL(`../dist/${name}/index.js`, import.meta.url)),
        // An application's entry would lose its exports, and with them all it exports.
        preserveEntrySignatures: 'strict',
      },
    },
  })
  const [bundled] = [result].flat()
  const { code } = bundled.output[0]
  const bytes = gzipSync(code).length
  const size = `rtms/${name}: ${(bytes / KIB).toFixed(2)} KiB gzipped, of ${most / KIB}`
  const foreign = /\bfrom\s*["'][^."'][^"']*["']/.exec(code)?.[0]

  if (foreign !== undefined) fail(`rtms/${name} needs something else in a browser: ${foreign}`)
  else if (bytes > most) fail(`${size}: too much. Look at what was added to it`)
  else {
    writeFileSync(new URL(`${name}.js`, folder), code)
    console.log(size)
  }
}

function fail(why) {
  console.error(why)
  process.exitCode = 1
}
