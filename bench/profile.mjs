import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'

/*
 * Prints where the time of a .cpuprofile, or the allocated bytes of a .heapprofile, went, by function itself:
 * `npm run profile -- results/profiles/meetings-rtms.cpuprofile`.
 */

const TOP = 40
const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('Name a .cpuprofile or .heapprofile; --profile makes them.')
  process.exit(2)
}

/** Self time in µs, or self bytes, of each function. */
const functions = new Map()
let total = 0

function add({ functionName, url, lineNumber }, amount) {
  if (amount === 0 || functionName === '(idle)') return
  total += amount
  const isProduct = url.includes('/dist') && !url.includes('/node_modules/')
  const part = isProduct ? 'rtms' : url.startsWith('node:') ? 'node' : url === '' ? 'v8' : 'other'
  const place = url === '' ? '' : ` ${basename(url)}:${lineNumber + 1}`
  const name = `${part.padEnd(5)} ${functionName || '(anonymous)'}${place}`
  functions.set(name, (functions.get(name) ?? 0) + amount)
}

function addTree({ callFrame, selfSize, children }) {
  add(callFrame, selfSize)
  for (const child of children) addTree(child)
}

const profile = JSON.parse(await readFile(file, 'utf8'))
const isHeap = profile.head !== undefined
if (isHeap) addTree(profile.head)
else {
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]))
  for (const [at, id] of profile.samples.entries()) add(frames.get(id), Math.max(0, profile.timeDeltas[at]))
}

const parts = new Map()
for (const [name, amount] of functions) {
  const part = name.slice(0, 5).trim()
  parts.set(part, (parts.get(part) ?? 0) + amount)
}
const percent = (amount) => `${((amount / total) * 100).toFixed(1)} %`.padStart(7)
const most = [...functions].toSorted(([, a], [, b]) => b - a).slice(0, TOP)
for (const [name, amount] of most) console.log(`${percent(amount)}  ${name}`)
const shares = [...parts].map(([part, amount]) => `${part} ${percent(amount).trim()}`).join(', ')
console.log(
  `\nof ${isHeap ? `${(total / 2 ** 20).toFixed(0)} MiB allocated` : `${(total / 1000).toFixed(0)} ms busy`}: ${shares}`,
)
