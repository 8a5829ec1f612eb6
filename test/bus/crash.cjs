// For `serve-nodes.test.ts`: ends the thread of a node, as a bug of the business would, when the file CRASH names it.
const { existsSync, readFileSync, rmSync } = require('node:fs')
const { isMainThread, workerData } = require('node:worker_threads')

const file = process.env.CRASH
if (!isMainThread)
  setInterval(() => {
    if (!existsSync(file) || readFileSync(file, 'utf8') !== workerData.settings?.nodeId) return
    rmSync(file)
    throw new Error('a bug of the business')
  }, 20).unref()
