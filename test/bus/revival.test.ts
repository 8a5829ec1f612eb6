import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, it } from 'vitest'
import { connect, type Client, type Ticket } from '../../src/client/node.ts'
import { SECRET, start } from '../integration/server/peer.ts'
import { endAll, eventually, natsServer, onNats } from './buses.ts'

afterEach(endAll)

const clients: Client[] = []
afterEach(() => {
  for (const client of clients.splice(0)) client.close()
})

it.each([
  ['has a copy', 'open'],
  ['has none, from what its members have kept', 'open without standby'],
])(
  'A meeting goes on in the same epoch when its node is killed, and another one %s',
  async (_, open) => {
    const bus = await onNats()
    const others = [await start({ bus: bus(), nodeId: 'b' }), await start({ bus: bus(), nodeId: 'c' })]
    const program = fileURLToPath(new URL('owner.mjs', import.meta.url))
    const owner = fork(program, [natsServer()?.url ?? '', 'c'.repeat(32), SECRET])
    // One question at a time: the next message is its answer.
    let answered: Promise<unknown> = once(owner, 'message')
    const ask = (question: string): Promise<unknown> => {
      const before = answered
      const ended = before.then(async () => {
        const answer = once(owner, 'message')
        owner.send(question)
        return (await answer)[0] as unknown
      })
      answered = ended
      return ended
    }
    await eventually(async () => (await ask('nodes')) === 3)
    await ask(open)
    let isAlive = true
    const members = await Promise.all(
      ['ann', 'bob'].map(async (user) => {
        const client = connect({
          getTicket: async () =>
            isAlive
              ? ((await ask(user)) as Ticket)
              : (others[1] as (typeof others)[number]).tickets.issue({ user, meetings: ['m'] }),
          maxBackoffMs: 200,
        })
        clients.push(client)
        const meeting = await client.join('m')
        const inputs: unknown[] = []
        const numbers: number[] = []
        meeting.onFrame((frame) => {
          numbers.push(frame.number)
          for (const { data } of frame.inputs) inputs.push(data)
        })
        meeting.onRejoin(({ reason, next }) => {
          if (reason === 'REWOUND') numbers.splice(next - 1)
        })
        return { meeting, user, inputs, numbers }
      }),
    )
    const epochs = members.map(({ meeting }) => meeting.epoch)
    const sent: Promise<number>[] = []
    const send = (): void => {
      for (const { meeting, user } of members) sent.push(meeting.send(`${user} ${sent.length}`))
    }
    const timer = setInterval(send, 50)
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    isAlive = false
    owner.kill('SIGKILL')
    await eventually(
      () =>
        members.every(({ meeting }) => meeting.members.length === 2) &&
        others.some((rtms) => rtms.meetings.get('m') !== undefined),
    )
    await new Promise((resolve) => setTimeout(resolve, 500))
    clearInterval(timer)
    await Promise.all(sent)
    await eventually(() => members.every(({ inputs }) => new Set(inputs).size === sent.length))
    expect(members.map(({ meeting }) => meeting.epoch)).toEqual(epochs)
    for (const { numbers } of members) expect(numbers).toEqual(numbers.map((_, at) => at + 1))
  },
  60_000,
)
