import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/**
 * A built part of the product. The folder is an option, so that two builds can be compared by the same programs.
 *
 * @param {string} dist relative to the bench's folder
 * @param {'core' | 'server' | 'demo' | 'protocol' | 'client/node.js' | 'bus/in-process.js' | 'nats' | 'server/ground/lineage.js'} part a folder, or a file
 */
export function load(dist, part) {
  const bench = fileURLToPath(new URL('..', import.meta.url))
  return import(pathToFileURL(resolve(bench, dist, part.endsWith('.js') ? part : `${part}/index.js`)).href)
}

export const SECRET = 'a secret for the bench, which is long enough'

/** A logger that older builds take as well. */
export const logger = { debug() {}, info() {}, warn() {}, error() {} }
