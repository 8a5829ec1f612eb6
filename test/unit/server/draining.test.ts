import { describe, expect, it } from 'vitest'
import type { DrainProgress, DrainState } from '../../../src/core/index.ts'
import { drain, type DrainOptions } from '../../../src/server/draining.ts'
import { type Logger, silent } from '../../../src/server/ground/logger.ts'
import type { Host } from '../../../src/server/host.ts'
import { VirtualClock } from '../../../src/testing/index.ts'

/** A node that says how far it is, in virtual time; what it is told, and what is logged, is noted. */
class Desk {
  readonly clock: VirtualClock = new VirtualClock()
  readonly drains: number[] = []
  readonly lines: string[] = []
  connections = 3
  state: DrainState = 'draining'
  isClosed = false
  /** What is left in the end; null before. */
  left: DrainProgress | null = null

  constructor(options: DrainOptions = {}) {
    this.clock.runTo(5_000)
    const { clock } = this
    const node = {
      drain: (now: number, deadline: number) => this.drains.push(now, deadline),
      draining: {},
    }
    Object.defineProperty(node, 'draining', { get: () => ({ state: this.state, progress: this.progress }) })
    const host = {
      node,
      outside: { now: () => clock.now, after: (ms: number, action: () => void) => clock.after(ms, action) },
      handle: (call: (of: typeof node, now: number) => void) => call(node, clock.now),
    }
    const note = (details: object, message: string): void =>
      void this.lines.push(`${clock.now} ${message} ${'err' in details ? '' : JSON.stringify(details)}`)
    const logger: Logger = { ...silent, info: note, error: note }
    void drain(host as unknown as Host, logger, () => this.isClosed, options).then(
      (left) => (this.left = left),
    )
  }

  get progress(): DrainProgress {
    return { meetings: 0, staying: 0, connections: this.connections, requests: 0, sessions: 0 }
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      this.clock.runTo(this.clock.now + 50)
      // What was awaited goes on.
      for (let turn = 0; turn < 3; turn++) await Promise.resolve()
    }
  }
}

describe('Draining a node', () => {
  it('gives it 25 seconds, or as long as it is told to take', () => {
    expect(new Desk().drains).toEqual([5_000, 30_000])
    expect(new Desk({ timeoutMs: 700 }).drains).toEqual([5_000, 5_700])
  })

  it('ends with what is left when the node is drained, which is looked for ten times a second', async () => {
    const desk = new Desk()
    await desk.pass(1_000)
    desk.state = 'drained'
    desk.connections = 0
    await desk.pass(50)
    expect(desk.left).toBeNull()
    await desk.pass(50)
    expect(desk.left).toEqual({ meetings: 0, staying: 0, connections: 0, requests: 0, sessions: 0 })
  })

  it('ends when its time is over, and with the node', async () => {
    const late = new Desk({ timeoutMs: 700 })
    await late.pass(650)
    expect(late.left).toBeNull()
    await late.pass(50)
    expect(late.left?.connections).toBe(3)
    const closed = new Desk()
    await closed.pass(300)
    closed.isClosed = true
    await closed.pass(100)
    expect(closed.left?.connections).toBe(3)
  })

  it('is over at once where there is nothing to drain', async () => {
    const desk = new Desk({ timeoutMs: 0 })
    await desk.pass(0)
    await Promise.resolve()
    expect(desk.left?.connections).toBe(3)
  })

  it('is told to the log once a second and at its end, and to whoever asks ten times a second', async () => {
    const told: number[] = []
    const desk = new Desk({ onProgress: ({ connections }) => told.push(connections) })
    await desk.pass(2_050)
    expect(told).toHaveLength(21)
    desk.connections = 0
    desk.state = 'drained'
    await desk.pass(100)
    expect([told.length, told.at(-1)]).toEqual([22, 0])
    const said = (connections: number): string =>
      JSON.stringify({ meetings: 0, staying: 0, connections, requests: 0, sessions: 0 })
    expect(desk.lines).toEqual([
      `5000 draining ${said(3)}`,
      `6000 draining ${said(3)}`,
      `7000 draining ${said(3)}`,
      `7100 drained ${said(0)}`,
    ])
  })

  it('goes on where whoever asks fails', async () => {
    const desk = new Desk({
      onProgress: () => {
        throw new Error('mine')
      },
    })
    desk.state = 'drained'
    await desk.pass(100)
    expect(desk.lines.filter((line) => line.includes('onProgress'))).toHaveLength(2)
    expect(desk.left).not.toBeNull()
  })
})
