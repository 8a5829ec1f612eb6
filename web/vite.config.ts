import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { book } from './book/plugin.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
/** Every folder with an index.html is a page. */
const pages = ['.', ...readdirSync(here)]
  .map((folder) => `${here}${folder}/index.html`)
  .filter((file) => existsSync(file))

export default defineConfig({
  plugins: [book()],
  // `rtms/client` is the source next door: tsconfig.json has the one line that says so.
  resolve: { tsconfigPaths: true },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // The demo's Content-Security-Policy allows files of this server only, no data: addresses.
    assetsInlineLimit: 0,
    rolldownOptions: { input: pages },
  },
})
