import { fixed } from './report.mjs'

/** What clients may notice of nodes that are drained, beside what they did. `connections`: how many had to move. */
export function checkMovers(promises, { counts, late, tickMs, connections }) {
  if (late.length > 0) {
    const sorted = late.toSorted((a, b) => a - b)
    const most = sorted.at(-1)
    const goal = `≤ ${tickMs} ms (a tick)`
    promises.check('the first frame on the new node is late by', goal, `${fixed(most)} ms`, most <= tickMs)
    promises.note('the same, median', '', `${fixed(sorted[sorted.length >> 1])} ms`)
  }
  promises.check(
    'frames missed or doubled',
    '0',
    `${counts.wrong.length} of ${counts.frames}`,
    counts.wrong.length === 0,
  )
  promises.check(
    'GAP and RESET',
    '0',
    `${counts.gaps} and ${counts.resets}`,
    counts.gaps + counts.resets === 0,
  )
  const part = counts.moves === 0 ? 0 : (counts.recovered / counts.moves) * 100
  promises.check(
    `of ${counts.moves} moves of ${connections} clients, recovered: true`,
    '≥ 99.9 %',
    `${fixed(part, 2)} %`,
    part >= 99.9 && counts.moves >= connections,
  )
  const failures = new Map(counts.failures)
  const unknown = failures.get('request UNKNOWN') ?? 0
  promises.check('requests that ended UNKNOWN', '0', `${unknown} of ${counts.asked}`, unknown === 0)
  promises.note('connections that were lost', '', `${counts.losses.length}`)
  for (const [why, times] of [...failures, ...counts.reasons]) console.log(`${times} × ${why}`)
  for (const why of counts.wrong) console.log(why)
}

const timesOf = ({ p50, p99, max }) => `${fixed(p50)}, ${fixed(p99)}, ${fixed(max)} ms`

/** Where the moves of clients have waited. */
export function noteSteps(promises, { asked, stuck, open, hello, welcome }) {
  promises.note('clients asked to move: until the socket is open (p50, p99, most)', '', timesOf(open))
  promises.note('… until it says HELLO', '', timesOf(hello))
  promises.note('… until WELCOME', '', timesOf(welcome))
  const { opening, waiting, greeting } = stuck
  promises.note('… asked; that never came so far', '', `${asked}; ${opening}, ${waiting}, ${greeting}`)
}

/** What part of a processor each process has used between two looks. `ms`: the time between them. */
export function noteUsage(promises, when, before, after, ms) {
  const parts = Object.keys(after).map((name) => [name, (after[name] - (before[name] ?? 0)) / ms])
  const all = parts.reduce((sum, [, part]) => sum + part, 0)
  const list = parts.map(([name, part]) => `${name} ${fixed(part * 100, 0)}`).join(', ')
  promises.note(`percent of a processor ${when}`, '', `${fixed(all * 100, 0)} (${list})`)
}
