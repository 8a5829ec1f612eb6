import { describe, expect, it } from 'vitest'
import { DROPPED } from '../../../src/client/machine/index.ts'
import { welcomeOf } from './rig.ts'
import { Rig } from './rig.ts'

const urls = ['ws://far', 'ws://near', 'ws://farther']

/** A client with a ticket for several addresses, which it tries. */
function trying(rig = new Rig()): { rig: Rig; attempt: (url: string) => number } {
  rig.machine.start(rig.now)
  rig.giveTicket(3_600_000, { url: 'ws://far', urls })
  return { rig, attempt: (url) => rig.opened.findLast((each) => each.url === url)?.attempt ?? 0 }
}

const tried = (rig: Rig): string[] => rig.opened.splice(0).map(({ url }) => url)

/** Goes on after a wait, and has the addresses that it tries. */
function again(rig: Rig): string[] {
  rig.opened.splice(0)
  rig.wait()
  return rig.opened.map(({ url }) => url)
}

describe('A client whose ticket has several addresses', () => {
  it('tries all, says hello where a socket is open first, and closes the others', () => {
    const { rig, attempt } = trying()
    const [far, near, farther] = urls.map(attempt) as [number, number, number]
    expect([tried(rig), rig.machine.phase, rig.take()]).toEqual([urls, 'opening', []])
    rig.machine.handleOpen(near)
    expect(rig.closed).toEqual([
      { attempt: far, code: DROPPED },
      { attempt: farther, code: DROPPED },
    ])
    expect(rig.takeOf('hello')).toMatchObject([{ token: 'tok', moves: 0 }])
    // Those that were given up say nothing any more.
    rig.machine.handleOpen(far)
    rig.machine.handleClose(farther, 1006, '', rig.now)
    rig.machine.handlePacket(far, new Uint8Array([0]), 1, rig.now)
    expect([rig.machine.phase, rig.take(), rig.closed.length]).toEqual(['greeting', [], 2])
    rig.opened.push({ attempt: near, url: 'ws://near' })
    rig.receive(welcomeOf())
    expect(rig.phases.map(([phase]) => phase)).toEqual(['ticket', 'opening', 'greeting', 'live'])
  })

  it('takes the first of them where that is the nearest', () => {
    const { rig, attempt } = trying()
    rig.machine.handleOpen(attempt('ws://far'))
    expect(rig.closed.map((each) => each.attempt)).toEqual([attempt('ws://near'), attempt('ws://farther')])
    expect(rig.takeOf('hello')).toHaveLength(1)
    expect(rig.machine.phase).toBe('greeting')
  })

  it('goes on with those that are left where some fail, and waits once all have failed', () => {
    const { rig, attempt } = trying()
    const [far, near, farther] = urls.map(attempt) as [number, number, number]
    for (const each of [far, farther]) rig.machine.handleClose(each, 1006, '', rig.now)
    expect(rig.machine.phase).toBe('opening')
    rig.machine.handleClose(near, 1006, '', rig.now)
    expect([rig.machine.phase, rig.closed]).toEqual(['waiting', []])
    // None was better than another: all are tried again, and then a fresh ticket is asked for.
    expect(again(rig)).toEqual(urls)
    for (const url of urls) rig.machine.handleClose(attempt(url), 1006, '', rig.now)
    expect(again(rig)).toEqual([])
    expect(rig.tickets).toHaveLength(2)
  })

  it('says hello to the second where the first, the nearest, has failed', () => {
    const { rig, attempt } = trying()
    rig.machine.handleClose(attempt('ws://far'), 1006, '', rig.now)
    rig.machine.handleOpen(attempt('ws://farther'))
    expect(rig.takeOf('hello')).toHaveLength(1)
    expect(rig.closed.map((each) => each.attempt)).toContain(attempt('ws://near'))
  })

  it('leaves out an address that is open and no good, as long as it has others', () => {
    const { rig, attempt } = trying()
    rig.machine.handleOpen(attempt('ws://near'))
    rig.machine.handleClose(attempt('ws://near'), 4453, '', rig.now)
    expect(again(rig)).toEqual(['ws://far', 'ws://farther'])
    rig.machine.handleOpen(attempt('ws://farther'))
    rig.machine.handleClose(attempt('ws://farther'), 1006, '', rig.now)
    expect(again(rig)).toEqual(['ws://far'])
    // Two attempts with the last one are as two with the only one.
    rig.machine.handleOpen(attempt('ws://far'))
    rig.lose()
    expect(again(rig)).toEqual(['ws://far'])
    rig.lose()
    expect(again(rig)).toEqual([])
    rig.giveTicket(3_600_000, { urls })
    expect(tried(rig)).toEqual(urls)
  })

  it('looks for the nearest anew when it has lost a connection', () => {
    const { rig, attempt } = trying()
    rig.machine.handleOpen(attempt('ws://near'))
    rig.opened.push({ attempt: attempt('ws://near'), url: 'ws://near' })
    rig.receive(welcomeOf())
    rig.lose()
    expect(again(rig)).toEqual(urls)
    rig.machine.handleOpen(attempt('ws://far'))
    expect(rig.takeOf('hello')).toMatchObject([{ session: 's1' }])
  })

  it('keeps the address to which it was asked to move', () => {
    const { rig, attempt } = trying()
    rig.machine.handleOpen(attempt('ws://near'))
    rig.opened.push({ attempt: attempt('ws://near'), url: 'ws://near' })
    rig.receive(welcomeOf())
    rig.receive({ type: 'move', url: 'ws://owner', moves: 1 })
    rig.machine.handleOpen(attempt('ws://owner'))
    rig.machine.tick(rig.now)
    rig.receive(welcomeOf({ node: 'n2' }))
    rig.lose()
    expect(again(rig)).toEqual(['ws://owner'])
  })

  it.each<[string, (rig: Rig) => void, number]>([
    ['none opens in time', (rig) => rig.advance(10_000), DROPPED],
    ['it is closed', (rig) => rig.machine.close(), 1000],
    ['its page is hidden', (rig) => rig.machine.suspend(rig.now), DROPPED],
  ])('closes all sockets where %s', (_, act, code) => {
    const { rig, attempt } = trying()
    const [far, near, farther] = urls.map(attempt) as [number, number, number]
    act(rig)
    expect(rig.closed).toEqual([
      { attempt: far, code },
      { attempt: near, code: DROPPED },
      { attempt: farther, code: DROPPED },
    ])
    for (const each of [far, near, farther]) rig.machine.handleOpen(each)
    expect([rig.take(), rig.machine.phase]).toEqual([[], code === 1000 ? 'closed' : 'waiting'])
  })
})
