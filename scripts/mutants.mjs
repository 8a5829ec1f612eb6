// Mutation testing, room by room: `npm run test:mutants -- --only src/core/log`. What was found is kept in `.mutants`,
// so a run that was ended goes on with the room it was in, and mutants are tried again only where code or tests
// changed. `--tests topic.test.ts` runs only these tests of the room: quicker, and the score is a lower bound.
// `--every 4` tries a sample: every fourth paragraph of a file, which is a method as a rule.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Stryker } from '@stryker-mutator/core'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const KEPT = '.mutants'
/** Each room with the folder of its tests in `test/unit`, and the least score in per cent. */
const rooms = [
  { of: 'src/protocol', tests: 'protocol', goal: 85 },
  { of: 'src/client/machine', tests: 'client', goal: 85 },
  { of: 'src/client', tests: 'client', goal: 75, flat: true },
  { of: 'src/lockstep', tests: 'lockstep', goal: 85 },
  { of: 'src/core', tests: 'core', goal: 85, flat: true },
  ...roomsBelow('src/core').map((of) => ({ of, tests: 'core', goal: 85 })),
  // Most of the server is tested with real sockets, in `test/integration`, so it is tried only when it is asked for.
  { of: 'src/server', tests: 'server', goal: 75, flat: true, onDemand: true },
  ...roomsBelow('src/server').map((of) => ({ of, tests: 'server', goal: 75, onDemand: true })),
]
/** What `npm run test:long` tries: a few small files of different rooms. */
const sample = [
  'src/protocol/names.ts',
  'src/client/machine/backoff.ts',
  'src/core/ground/rate.ts',
  'src/core/meeting/fair-share.ts',
]
/** A run that is ended loses what it found in the piece it was in; each piece begins with a run of all tests. */
const LINES_PER_PIECE = 700

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    tests: { type: 'string', multiple: true },
    every: { type: 'string', default: '1' },
    sample: { type: 'boolean' },
    report: { type: 'boolean' },
  },
})
const asked = values.sample ? sample : values.only
const chosen = rooms
  .map((room) => ({ ...room, files: filesOf(room).filter(isAsked) }))
  .filter(({ files, onDemand }) => files.length > 0 && (asked !== undefined || !onDemand))
if (chosen.length === 0) throw new Error(`No file of src/ begins with ${asked.join(' or ')}`)

if (!values.report) for (const room of chosen) await tryRoom(room)
showScores()

function roomsBelow(folder) {
  const entries = readdirSync(folder, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${folder}/${name}`)
}

function filesOf({ of, flat = false }) {
  const names = readdirSync(of, { recursive: !flat, encoding: 'utf8' }).sort()
  return names.filter((name) => name.endsWith('.ts')).map((name) => `${of}/${name}`)
}

function isAsked(file) {
  return asked === undefined || asked.some((path) => file.startsWith(path))
}

function kept({ of }, extension) {
  return `${KEPT}/${of.slice('src/'.length).replaceAll('/', '-')}.${extension}`
}

async function tryRoom(room) {
  for (const files of piecesOf(room.files)) {
    console.log(`\n${room.of}: ${files.map((file) => file.slice(room.of.length + 1)).join(', ')}`)
    const stryker = new Stryker({
      mutate: files.flatMap(partsOf),
      testFiles: (values.tests ?? ['**/*.test.ts']).map((name) => `test/unit/${room.tests}/${name}`),
      incrementalFile: kept(room, 'json'),
      htmlReporter: { fileName: kept(room, 'html') },
    })
    await stryker.runMutationTest()
  }
}

/** What is tried of a file: paragraphs by their lines, or all of it. */
function partsOf(file) {
  const every = Number(values.every)
  if (every === 1) return [file]
  const lines = readFileSync(file, 'utf8').split('\n')
  const ends = lines.flatMap((line, at) => (line === '' ? [at] : []))
  return ends.flatMap((end, n) => (n % every === 1 ? [`${file}:${(ends[n - 1] ?? 0) + 1}-${end}`] : []))
}

function piecesOf(files) {
  const pieces = [[]]
  let lines = 0
  for (const file of files) {
    const added = readFileSync(file, 'utf8').split('\n').length
    if (lines > 0 && lines + added > LINES_PER_PIECE) {
      pieces.push([])
      lines = 0
    }
    pieces.at(-1).push(file)
    lines += added
  }
  return pieces
}

/** The score of each chosen room as far as it was tried; fails below a goal. */
function showScores() {
  const rows = {}
  for (const room of chosen) {
    const found = foundIn(room)
    if (found.length === 0) continue
    const caught = found.filter(({ status }) => status === 'Killed' || status === 'Timeout').length
    const uncovered = found.filter(({ status }) => status === 'NoCoverage').length
    const missed = found.filter(({ status }) => status === 'Survived').length
    const score = (100 * caught) / (caught + uncovered + missed)
    rows[room.of] = { caught, missed, uncovered, score: Number(score.toFixed(1)), goal: room.goal }
    if (score < room.goal) process.exitCode = 1
  }
  console.table(rows)
}

function foundIn(room) {
  try {
    const { files } = JSON.parse(readFileSync(kept(room, 'json'), 'utf8'))
    return Object.entries(files).flatMap(([file, { mutants }]) => (isAsked(file) ? mutants : []))
  } catch {
    return []
  }
}
