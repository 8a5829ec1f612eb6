import { createRequire } from 'node:module'
import { WebSocketServer as ImportedServer } from 'ws'
import { ofPackage } from '../ground/of-package.ts'

/**
 * The server of the package `ws`. Bun answers `import 'ws'` with one of its own, under which there is no socket to
 * write to and to read slices from; Bun loads the package's files by their paths.
 */
export const WebSocketServer: typeof ImportedServer = 'bun' in process.versions ? packaged() : ImportedServer

function packaged(): typeof ImportedServer {
  const require = createRequire(ofPackage('package.json') ?? process.argv[1] ?? '/')
  const folder = require.resolve('ws/package.json').replace(/package\.json$/, '')
  return (require(folder) as { WebSocketServer: typeof ImportedServer }).WebSocketServer
}
