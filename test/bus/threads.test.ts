import { afterEach, describe, expect, it, vi } from 'vitest'
import { Worker } from 'node:worker_threads'
import { ThreadsHub } from '../../src/bus/threads.ts'

const soon = (check: () => Promise<void>): Promise<void> =>
  vi.waitFor(check, { interval: 20, timeout: 20_000 })

const file = new URL('thread.mjs', import.meta.url)

/** A node in a thread of its own. */
class Thread {
  readonly worker: Worker
  readonly #answers: Map<number, (result: unknown) => void> = new Map()
  #last = 0

  constructor(hub: ThreadsHub, incarnation: number) {
    const seat = hub.seat()
    this.worker = new Worker(file, { workerData: { seat, incarnation }, transferList: [seat], stderr: true })
    this.worker.on('error', () => {})
    this.worker.on('message', ({ id, result }: { id: number; result: unknown }) =>
      this.#answers.get(id)?.(result),
    )
  }

  do<T>(action: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#last
    return new Promise<T>((resolve) => {
      this.#answers.set(id, (result) => resolve(result as T))
      this.worker.postMessage({ id, action, args })
    })
  }

  heard(): Promise<string[]> {
    return this.do('heard')
  }
}

describe('The bus between worker threads', () => {
  let all: Thread[] = []

  async function start(count: number): Promise<Thread[]> {
    const hub = new ThreadsHub()
    all = Array.from({ length: count }, (_, n) => new Thread(hub, n + 1))
    for (const thread of all) await soon(async () => expect(await thread.heard()).toContain('back'))
    for (const thread of all) await thread.do('subscribe', 't')
    // Each hears of every other.
    for (const thread of all)
      for (const other of all)
        if (thread !== other)
          await soon(async () => {
            await thread.do('publish', 't', 'hello')
            expect(await other.heard()).toContain(`${all.indexOf(thread) + 1} t:hello`)
          })
    return all
  }

  afterEach(async () => {
    await Promise.all(all.map(({ worker }) => worker.terminate()))
  })

  it('carries messages, and tells the others of one that has ended, after its last message', async () => {
    const [a, b, c, d] = (await start(4)) as [Thread, Thread, Thread, Thread]
    void a.do('publishAndExit', 't', 'last words')
    // What others have said meanwhile may come later.
    const ofA = (heard: string[]): string[] => heard.filter((text) => /^(?:gone )?1\b/.test(text))
    for (const thread of [b, c, d])
      await soon(async () =>
        expect(ofA(await thread.heard()).slice(-2)).toEqual(['1 t:last words', 'gone 1']),
      )
    void b.do('throws')
    for (const thread of [c, d]) await soon(async () => expect(await thread.heard()).toContain('gone 2'))
    await c.worker.terminate()
    await soon(async () => expect(await d.heard()).toContain('gone 3'))
    expect((await d.heard()).filter((text) => text.startsWith('gone'))).toHaveLength(3)
  })

  it('takes no goodbye for a proof', async () => {
    const [a, b] = (await start(2)) as [Thread, Thread]
    await a.do('publish', 't', 'bye')
    await a.do('close')
    await soon(async () => expect((await b.heard()).at(-1)).toBe('1 t:bye'))
    await a.worker.terminate()
    await b.do('publish', 't', 'x')
    expect((await b.heard()).filter((text) => text.startsWith('gone'))).toEqual([])
  })

  it('holds at most 32 MiB for a thread that stands still, and loses the rest', async () => {
    const [a, b] = (await start(2)) as [Thread, Thread]
    const blocked = b.do('block', 1_500)
    await a.do('flood', 't', 1_000, 64 * 1024)
    const stats = await a.do<{ dropped: number; heap: number }>('stats')
    // 32 MiB in the outbox; what is on its way to the other is 4 MiB more at most.
    expect(stats.dropped).toBeGreaterThan(400)
    expect(stats.dropped).toBeLessThan(500)
    await blocked
    await a.do('publish', 't', 'afterwards')
    await soon(async () => expect(await b.heard()).toContain('1 t:afterwards'))
    const flood = (await b.heard()).filter((text) => text === '1 t:65536')
    expect(flood.length + (await a.do<{ dropped: number }>('stats')).dropped).toBe(1_000)
  })
})
