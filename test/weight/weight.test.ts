import { describe, expect, it } from 'vitest'
import type { RtmsNode } from '../../src/core/index.ts'
import type { Payload } from '../../src/protocol/index.ts'
import { messages, textPayload } from '../../src/testing/index.ts'
import { Scale, weigh } from './scale.ts'
import { blocked, held, weighed } from './weighed.ts'

/** A meeting with a clock and four members, of whom `speakers` say something in each frame. */
function meetingOf(
  speakers: number,
  data: () => Payload,
): { readonly node: RtmsNode; readonly grow: (frames: number) => void } {
  const scale = new Scale()
  const options = { frameRate: 20, inputBytes: 2_000, inputBurst: 1_000, inputsPerSecond: 1_000 }
  scale.node.openMeeting('m', options, scale.now)
  const connections = Array.from({ length: 4 }, (_, n) => scale.connect(`u${n}`))
  for (const connection of connections) scale.say(connection, messages.join(1, 'm'))
  scale.settle()
  let seq = 0
  return {
    node: scale.node,
    grow: (frames) => {
      for (let frame = 0; frame < frames; frame++) {
        seq++
        for (const [n, connection] of connections.entries()) {
          scale.say(connection, { type: 'pong', echo: 0, time: 0, lateness: 0 })
          if (n < speakers) scale.say(connection, messages.input(1, seq, data()))
        }
        scale.settle()
        scale.now += 50
        scale.settle()
      }
    },
  }
}

for (const bytes of [1_000, 100]) {
  const data = (): Payload => textPayload('x'.repeat(bytes))

  describe(`Of ${bytes} bytes each, a node counts what it holds:`, () => {
    it('entries of session logs', async () => {
      const USERS = 100
      await weighed(`entry of a session log, ${bytes} bytes`, USERS * 50, () => {
        const scale = new Scale()
        for (let n = 0; n < USERS; n++) scale.connect(`u${n}`)
        scale.settle()
        const grow = (): void => {
          for (let round = 0; round < 50; round++)
            for (let n = 0; n < USERS; n++) scale.node.push(`u${n}`, 'note', data())
          scale.settle()
        }
        return { node: scale.node, grow }
      })
    })

    for (const keyed of [false, true]) {
      it(keyed ? 'latest values of a keyed topic' : 'publications that a topic keeps', async () => {
        const what = keyed ? 'key with its value' : 'publication kept'
        await weighed(`${what}, ${bytes} bytes`, 5_000, () => {
          const scale = new Scale()
          const entries = keyed ? 0 : 20_000
          scale.node.defineTopics('t', { entries, bytes: entries * 5_000, ageMs: entries * 1e6 })
          const grow = (): void => {
            for (let n = 0; n < 5_000; n++) {
              scale.node.publish('t', data(), keyed ? `key ${n}` : '', false, scale.now)
              if (n % 200 === 0) scale.settle()
            }
            scale.settle()
          }
          return { node: scale.node, grow }
        })
      })
    }

    it('frames', async () => {
      await weighed(`frame of 4 inputs, ${bytes} bytes each`, 1_000, () => {
        const { node, grow } = meetingOf(4, data)
        return { node, grow: () => grow(1_000) }
      })
    })

    it('messages in upstream queues', async () => {
      const SESSIONS = 50
      await weighed(`message in an upstream queue, ${bytes} bytes`, SESSIONS * 200, () => {
        const scale = new Scale({ upstreamMessages: 1_000, upstreamBytes: 1e9 })
        const connections = blocked(scale, SESSIONS)
        const grow = (): void => {
          for (let n = 0; n < 200; n++)
            for (const connection of connections) scale.say(connection, messages.request(2 + n, 'r', data()))
        }
        return { node: scale.node, grow }
      })
    })

    it('latest values of topics with one publication each', async () => {
      await weighed(`topic with one publication, ${bytes} bytes`, 5_000, () => {
        const scale = new Scale()
        const grow = (): void => {
          for (let n = 0; n < 5_000; n++) scale.node.publish(`topic.${n}`, data(), '', false, scale.now)
          scale.settle()
        }
        return { node: scale.node, grow }
      })
    })
  })
}

describe('A node does not go on holding', () => {
  it('the pages of a quiet meeting, which every JOIN at another frame needs anew', async () => {
    const [FRAMES, COMPILED] = [300, 100]
    const scale = new Scale({ joinsPerUserPerSecond: 1_000, workMsPerUserPerSecond: 10_000 })
    const options = { frameRate: 0, inputBytes: 4_000, inputBurst: 1_000, inputsPerSecond: 1_000 }
    scale.node.openMeeting('m', options, scale.now)
    const connection = scale.connect('u')
    scale.say(connection, messages.join(1, 'm'))
    scale.settle()
    for (let seq = 1; seq <= FRAMES; seq++) {
      scale.say(connection, messages.input(1, seq, textPayload('x'.repeat(3_000))))
      scale.settle()
      scale.now += 10
    }
    held.push(scale)
    const world = scale.node.meeting('m')?.epoch ?? 0
    const join = (next: number): void => {
      scale.say(connection, { ...messages.join(1 + next, 'm'), world, next })
      scale.settle()
      scale.say(connection, { type: 'ack', bytes: connection.sent, received: 1 + next, seen: [] })
    }
    // What is compiled for the first of them is not to be weighed.
    for (let next = 1; next <= COMPILED; next++) join(next)
    const { sent } = connection
    const before = await weigh()
    for (let next = COMPILED + 1; next <= FRAMES; next++) join(next)
    const after = await weigh()
    held.length = 0
    // Each JOIN was answered with a page or more of its own.
    expect(connection.sent - sent).toBeGreaterThan((FRAMES - COMPILED - 15) * 32_768)
    expect((after - before) / (FRAMES - COMPILED)).toBeLessThan(1_000)
  })
})

describe('A node counts what it holds for', () => {
  for (const size of [1, 1_000])
    it(`requests under way, ${size} bytes`, async () => {
      await weighed(`request under way, ${size} bytes`, 50 * 60, () => {
        const scale = new Scale()
        const connections = Array.from({ length: 50 }, (_, n) => scale.connect(`u${n}`))
        scale.settle()
        const grow = (): void => {
          for (const connection of connections)
            for (let n = 0; n < 60; n++)
              scale.say(connection, messages.request(1 + n, 'r', textPayload('x'.repeat(size))))
          scale.settle()
          expect(scale.node.requestsOpen).toBe(3_000)
        }
        return { node: scale.node, grow }
      })
    })

  it('inputs that wait for a frame', async () => {
    await weighed('input that waits for a frame, 100 bytes', 5_000, () => {
      const scale = new Scale()
      const options = { frameRate: 1, inputBurst: 1_000, inputsPerSecond: 1_000 }
      scale.node.openMeeting('m', options, scale.now)
      const connections = Array.from({ length: 10 }, (_, n) => scale.connect(`u${n}`))
      for (const connection of connections) scale.say(connection, messages.join(1, 'm'))
      scale.settle()
      const grow = (): void => {
        for (let n = 1; n <= 500; n++)
          for (const connection of connections) {
            scale.say(connection, messages.input(1, n, textPayload('x'.repeat(100))))
            if (n % 100 === 0) scale.settle()
          }
        expect(scale.node.inputsWaiting).toBe(5_000)
      }
      return { node: scale.node, grow }
    })
  })

  it('empty frames', async () => {
    await weighed('frame, empty', 50_000, () => {
      const { node, grow } = meetingOf(0, () => textPayload(''))
      return { node, grow: () => grow(50_000) }
    })
  })

  it('sessions with their connections', async () => {
    await weighed('session with its connection', 1_000, () => {
      const scale = new Scale()
      const grow = (): void => {
        for (let n = 0; n < 1_000; n++) scale.connect(`u${n}`)
        scale.settle()
      }
      return { node: scale.node, grow }
    })
  })

  it('topics with one subscriber each', async () => {
    await weighed('topic with one subscriber, never published to', 10_000, () => {
      const scale = new Scale()
      const connections = Array.from({ length: 10 }, (_, n) => scale.connect(`u${n}`))
      scale.settle()
      const grow = (): void => {
        for (const [at, connection] of connections.entries()) {
          for (let n = 0; n < 1_000; n++) {
            scale.say(connection, messages.subscribe(n + 1, `t${at}.${n}`))
            scale.settle()
          }
          scale.say(connection, { type: 'ack', bytes: 0, received: 1_000, seen: [] })
        }
        expect(scale.node.topics).toBe(10_000)
      }
      return { node: scale.node, grow }
    })
  })

  it('further subscribers of a topic', async () => {
    await weighed('subscription', 10_000, () => {
      const scale = new Scale()
      for (let n = 0; n < 100; n++) scale.node.publish(`t${n}`, textPayload('x'), '', false, scale.now)
      const connections = Array.from({ length: 100 }, (_, n) => scale.connect(`u${n}`))
      scale.settle()
      const grow = (): void => {
        for (const connection of connections) {
          for (let n = 0; n < 100; n++) scale.say(connection, messages.subscribe(n + 1, `t${n}`))
          scale.settle()
          scale.say(connection, { type: 'ack', bytes: 0, received: 100, seen: [] })
        }
        expect(scale.node.subscribers('t0')).toBe(100)
      }
      return { node: scale.node, grow }
    })
  })

  for (const spectator of [false, true])
    it(spectator ? 'spectators' : 'members', async () => {
      await weighed(spectator ? 'spectator of a meeting' : 'member of a meeting', 2_500, () => {
        const scale = new Scale()
        for (let n = 0; n < 50; n++)
          scale.node.openMeeting(`m${n}`, { frameRate: 0, capacity: 200 }, scale.now)
        const connections = Array.from({ length: 50 }, (_, n) => scale.connect(`u${n}`))
        scale.settle()
        const grow = (): void => {
          for (const connection of connections) {
            for (let n = 0; n < 50; n++)
              scale.say(connection, { ...messages.join(n + 1, `m${n}`), spectator })
            scale.settle()
          }
          for (const connection of connections)
            scale.say(connection, { type: 'ack', bytes: 0, received: 50, seen: [] })
          if (!spectator) expect(scale.node.meeting('m0')?.members).toHaveLength(50)
        }
        return { node: scale.node, grow }
      })
    })

  it('subscriptions to long keys', async () => {
    await weighed('subscription to 200 keys of 240 bytes', 200, () => {
      const scale = new Scale()
      scale.node.publish('t', textPayload('x'), '', false, scale.now)
      const connections = Array.from({ length: 20 }, (_, n) => scale.connect(`u${n}`))
      scale.settle()
      const grow = (): void => {
        for (const [at, connection] of connections.entries())
          for (let n = 0; n < 10; n++) {
            const keys = Array.from({ length: 200 }, (_, key) => ({
              key: `${at}.${n}.${key}`.padEnd(240, 'x'),
            }))
            scale.say(connection, messages.subscribe(n + 1, messages.wish(`t${n}`, { keys })))
            scale.settle()
          }
        for (const connection of connections)
          scale.say(connection, { type: 'ack', bytes: 0, received: 10, seen: [] })
      }
      return { node: scale.node, grow }
    })
  })

  it('PONGs that nobody takes', async () => {
    await weighed('PONG that waits', 20_000, () => {
      const scale = new Scale()
      const connections = Array.from({ length: 20 }, (_, n) => scale.connect(`u${n}`))
      scale.settle()
      const grow = (): void => {
        for (const connection of connections) {
          connection.writable = false
          scale.say(
            connection,
            ...Array.from({ length: 1_000 }, () => ({ type: 'ping', time: 2 ** 40 }) as const),
          )
        }
        scale.settle()
      }
      return { node: scale.node, grow }
    })
  })

  it('questions to the business', async () => {
    await weighed('topic asked about', 50 * 50, () => {
      const scale = new Scale()
      scale.node.askFirst(true)
      const connections = Array.from({ length: 50 }, (_, n) => scale.connect(`u${n}`))
      scale.settle()
      const grow = (): void => {
        const topics = Array.from({ length: 50 }, (_, n) => `t${n}`)
        for (const connection of connections) scale.say(connection, messages.subscribe(1, ...topics))
        scale.settle()
      }
      return { node: scale.node, grow }
    })
  })

  it('frames that delayed spectators have yet to see', async () => {
    await weighed('empty frame, delayed', 18_000, () => {
      const scale = new Scale()
      scale.node.openMeeting('m', { frameRate: 60, spectatorDelayMs: 600_000 }, scale.now)
      const connection = scale.connect('u')
      scale.say(connection, messages.join(1, 'm'))
      scale.settle()
      const grow = (): void => {
        for (let frame = 0; frame < 18_000; frame++) {
          scale.now += 1_000 / 60
          scale.say(connection, { type: 'pong', echo: 0, time: 0, lateness: 0 })
          scale.settle()
        }
      }
      return { node: scale.node, grow }
    })
  })

  it('meetings', async () => {
    await weighed('meeting', 1_000, () => {
      const scale = new Scale()
      const grow = (): void => {
        for (let n = 0; n < 1_000; n++) scale.node.openMeeting(`m${n}`, {}, scale.now)
      }
      return { node: scale.node, grow }
    })
  })
})
