import { defineConfig } from 'vite'

export default defineConfig({
  // `rtms/client` is the source next door: tsconfig.json has the one line that says so.
  resolve: { tsconfigPaths: true },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    // The demo's Content-Security-Policy allows files of this server only, no data: addresses.
    assetsInlineLimit: 0,
  },
})
