import type { Rtms } from '../server/index.ts'
import type { Battle } from './battle/rooms.ts'
import { every, type Fault, type Part } from './part.ts'
import { largest } from './wall/market.ts'

/* The first page: a battle to look at, and what its node does, in figures. */

const FIGURES = 'home.figures'
const TELL_EVERY_MS = 1_000
/** Companies of the small heat map. */
const COMPANIES = 32

/** What the node has done since it was started, by the name of the node. */
export interface Figures {
  readonly frames: number
  readonly messages: number
  readonly meetings: number
  readonly connections: number
}

export function home(rtms: Rtms, battle: Battle, fault: Fault): Part {
  rtms.onRequest('home.stage', async () => ({ meeting: (await battle.stage()).name }))
  let isTold = false
  const tell = (): void => {
    const isForOthers = rtms.cluster.nodes().length > 1
    const isRead = isForOthers || (rtms.topics.get(FIGURES)?.subscribers ?? 0) > 0
    // Whoever comes next would count from the figures of long ago.
    if (!isRead && isTold) rtms.topics.publish(FIGURES, null, { key: rtms.node, tombstone: true })
    isTold = isRead
    if (!isRead) return
    const { framesSealed: frames, messagesOut: messages } = rtms.stats
    const { meetings, connections } = rtms.health()
    const figures: Figures = { frames, messages, meetings, connections }
    rtms.topics.publish(FIGURES, figures, { key: rtms.node })
  }
  return {
    admit: () => ({
      meetings: [
        { name: 'battle.*', role: 'spectator' },
        { name: 'show', role: 'spectator' },
      ],
      topics: { read: [FIGURES, 'wall.quotes', 'demo.price'] },
      answer: { companies: largest(COMPANIES) },
    }),
    close: every(TELL_EVERY_MS, tell, fault),
  }
}
