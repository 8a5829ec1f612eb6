import type { RtmsNode } from '../../core/index.ts'
import { type DesertedNode, type Observer, violate } from '../observer.ts'
import type { Scenario } from '../scenario.ts'

/**
 * I20 Crash-only: 20 s after all clients vanished, nothing of their connections is left, and in the end nothing at all.
 */
export class LeakChecker implements Observer {
  readonly #topics: readonly string[]

  constructor({ topics }: Scenario) {
    this.#topics = topics
  }

  deserted(nodes: readonly DesertedNode[]): void {
    for (const { core, interest } of nodes) {
      none('connections', core.connections)
      none('topics asked for on the bus', interest.filter((subject) => subject.startsWith('t/')).length)
      for (const topic of this.#topics) none(`subscribers of ${topic}`, core.subscribers(topic))
      let away = 0
      for (const { name, members, spectators } of core.meetings()) {
        none(`spectators of ${name}`, spectators)
        none(`members of ${name} who are not away`, members.filter((one) => !one.away && !one.bot).length)
        away += members.filter(({ bot }) => !bot).length
      }
      if (away > 0 && core.sessions === 0) violate('I20', `${away} members without a session`)
      const moves = Math.min(core.timersByName.get('move') ?? 0, core.sessions)
      // One timer per session, meeting and open request, one for what topics keep, and for sessions that were to move.
      atMost(timersOf(core), timers(core) - moves, core.sessions + core.meetingCount + core.requestsOpen + 1)
    }
  }

  empty(nodes: readonly DesertedNode[]): void {
    for (const { core } of nodes) {
      none('sessions', core.sessions)
      none('meetings', core.meetingCount)
      none('topics', core.topics)
      // Replicas, and guests of other nodes, have gone as well.
      none(timersOf(core), timers(core) + (core.timersByName.get('mesh') ?? 0))
      none('inputs that wait', core.inputsWaiting)
      none('requests under way', core.stats.requestsStarted - core.stats.requestsEnded)
      balanceOf(core)
    }
  }
}

/** I16: the logs have given back all their bytes. */
function balanceOf({ logs }: RtmsNode): void {
  if (logs.bytes !== 0) violate('I16', `${logs.bytes} bytes of logs that are no more`)
}

/** Timers of what a node of a cluster says to the others for as long as it lives. */
const lasting = ['beat', 'settling', 'link', 'digest', 'mesh', 'balance'] as const

/** Timers set, but for those. */
function timers({ timers, timersByName }: RtmsNode): number {
  return lasting.reduce((sum, name) => sum - (timersByName.get(name) ?? 0), timers)
}

function timersOf({ timersByName }: RtmsNode): string {
  return `timers (${[...timersByName].map(([name, count]) => `${count} ${name}`).join(', ')})`
}

function none(what: string, count: number): void {
  atMost(what, count, 0)
}

function atMost(what: string, count: number, most: number): void {
  if (count > most) violate('I20', `${count} ${what} where at most ${most} may be left`)
}
