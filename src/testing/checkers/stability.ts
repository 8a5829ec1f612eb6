import type { RawFrame } from '../../client/machine/index.ts'
import { type ClientMessage, type MessageOf, type ServerMessage, SYSTEM_SLOT } from '../../protocol/index.ts'
import { type ClientFacts, type Observer, violate } from '../observer.ts'
import { type Fence, isAbove } from '../../core/meeting/reigns.ts'
import type { Rooms } from './rooms.ts'

/** One membership, according to the log. */
interface Stay {
  readonly slot: number
  readonly isBot: boolean
  readonly from: number
  until: number
  /** Whether it left of its own accord. */
  left: boolean
  /** Whether it came back: in the same session, or taken over by a reload. */
  wasBack: boolean
}

/** A mark that a client was told. */
interface Claim {
  readonly stable: number
  /** The frame that carried it. */
  readonly by: number
  /** The clients that had acknowledged it by then. */
  readonly acked: ReadonlySet<number>
}

interface World {
  /** The highest one that a client was told, and the highest mark. */
  fence: Fence
  /** Whoever has gone on with it since its node was lost has this fence, or a higher one. */
  revived: Fence
  stable: number
  /** Frames whose events are known, from 1 on. */
  known: number
  readonly stays: Stay[]
  /** The clients that had each slot. */
  readonly holders: Map<number, Set<number>>
  /** The last frame that each client has acknowledged. */
  readonly acked: Map<number, number>
  /** Claims whose frame no client has been seen to get yet. */
  claims: Claim[]
}

/**
 * I9 for a single owner: a world has one fence, and a reopened meeting a higher one; a stable mark never goes back, is
 * at most the head, and at least half of the electorate at the mark have acknowledged it.
 */
export class StabilityChecker implements Observer {
  readonly #rooms: Rooms
  readonly #worlds: Map<number, World> = new Map()
  /** The highest term of each meeting, by the incarnation of its node. */
  readonly #terms: Map<string, { readonly term: number; readonly world: number }> = new Map()
  /** The fence of what each client reads in a world. */
  readonly #reads: Map<string, Fence> = new Map()
  /** The last mark that frames gave each client of a world since it joined. */
  readonly #marks: Map<string, number> = new Map()

  constructor(rooms: Rooms) {
    this.#rooms = rooms
  }

  up(client: ClientFacts, connection: number, message: ClientMessage): void {
    if (message.type === 'input') this.#seen(client, connection, message.log, message.seen)
    if (message.type === 'ack')
      for (const { log, frame } of message.seen) this.#seen(client, connection, log, frame)
  }

  #seen(client: ClientFacts, connection: number, log: number, frame: number): void {
    const place = this.#rooms.placeOf(client, connection, log)
    const world = place === undefined ? undefined : this.#worlds.get(place.world)
    if (world !== undefined) world.acked.set(client.id, Math.max(frame, world.acked.get(client.id) ?? 0))
  }

  down(client: ClientFacts, connection: number, message: ServerMessage): void {
    if (message.type === 'joined') this.#joined(client, message)
    if (message.type !== 'frames' || message.stable === 0) return
    const place = this.#rooms.placeOf(client, connection, message.log)
    if (place === undefined) return
    if (message.stable >= message.first + message.count - 1)
      violate('I9', `frames to ${message.first + message.count - 1} say that ${message.stable} is stable`)
    const before = this.#marks.get(`${client.id} ${place.world}`) ?? 0
    if (message.stable < before)
      violate('I9', `client ${client.id} was told that frame ${message.stable} is stable, behind ${before}`)
    this.#marks.set(`${client.id} ${place.world}`, message.stable)
    this.#told(place.world, message.stable, message.first + message.count - 1)
  }

  #joined(client: ClientFacts, message: MessageOf<'joined'>): void {
    const { world, slot, stable, head } = message
    this.#checkFence(message)
    const holders = this.#worlds.get(world)?.holders
    if (slot !== SYSTEM_SLOT) holders?.set(slot, (holders.get(slot) ?? new Set()).add(client.id))
    if (stable > head) violate('I9', `JOINED says that ${stable} is stable; the head is ${head}`)
    this.#reads.set(`${client.id} ${world}`, { term: message.term, incarnation: message.incarnation })
    // The frames that follow carry the mark as of their sealing.
    this.#marks.delete(`${client.id} ${world}`)
    if (stable > 0) this.#told(world, stable, head)
  }

  #checkFence({ meeting, world, term, incarnation }: MessageOf<'joined'>): void {
    const fence = { term, incarnation }
    const known = this.#worlds.get(world)
    if (known === undefined)
      this.#worlds.set(world, {
        fence,
        revived: { term: 0, incarnation: 0 },
        stable: 0,
        known: 0,
        stays: [],
        holders: new Map(),
        acked: new Map(),
        claims: [],
      })
    else if (isAbove(fence, known.fence)) known.fence = fence
    const name = `${meeting} ${incarnation}`
    const highest = this.#terms.get(name)
    if (highest !== undefined && highest.term === term && highest.world !== world)
      violate('I9', `${term} of ${incarnation} is the fence of two worlds`)
    if (highest === undefined || term > highest.term) this.#terms.set(name, { term, world })
  }

  revived(_node: number, _meeting: string, number: number): void {
    const world = this.#worlds.get(number)
    if (world !== undefined) world.revived = { term: world.fence.term + 1, incarnation: 0 }
  }

  /** What is stable is final in its world. What happened in frames that are lost has not. */
  undone(node: number, meeting: string, number: number, frame: number): void {
    const world = this.#worlds.get(number)
    if (world === undefined) return
    if (world.stable > frame)
      violate('I9', `node ${node} goes on with ${meeting} behind ${frame}, and ${world.stable} was stable`)
    world.revived = { term: 0, incarnation: 0 }
    world.known = Math.min(world.known, frame)
    world.claims = world.claims.filter(({ by }) => by <= frame)
    for (const stay of world.stays) if (stay.until > frame) stay.until = Infinity
    const kept = world.stays.filter(({ from }) => from <= frame)
    world.stays.splice(0, Infinity, ...kept)
  }

  #told(number: number, stable: number, by: number): void {
    const world = this.#worlds.get(number)
    if (world === undefined) return
    world.stable = Math.max(world.stable, stable)
    const acked = [...world.acked].filter(([, frame]) => frame >= stable).map(([id]) => id)
    world.claims.push({ stable, by, acked: new Set(acked) })
    this.#settle(number, world)
  }

  /** Checks the claims carried by frames whose events are known. */
  #settle(number: number, world: World): void {
    for (const claim of world.claims) if (claim.by <= world.known) check(number, world, claim)
    world.claims = world.claims.filter(({ by }) => by > world.known)
  }

  frame(client: ClientFacts, _meeting: string, number: number, frame: RawFrame): void {
    const world = this.#worlds.get(number)
    const reader = `${client.id} ${number}`
    for (const event of frame.events) if (event.type === 'epoch') this.#reads.set(reader, event)
    if (world === undefined || frame.number !== world.known + 1) return
    // An owner that is cut off tells frames that another one has undone.
    const fence = this.#reads.get(reader)
    if (fence !== undefined && isAbove(world.revived, fence)) return
    world.known = frame.number
    for (const event of frame.events) {
      const { type } = event
      if (type !== 'join' && type !== 'takeover' && type !== 'leave' && type !== 'back') continue
      const stay = world.stays.find(({ slot, until }) => slot === event.slot && until === Infinity)
      if (stay !== undefined && type === 'back') stay.wasBack = true
      else if (stay !== undefined) {
        stay.until = frame.number
        stay.left = type === 'leave' && event.reason === 'left'
      }
      // In a new world, a member may come back of whom its frames have not said that it came.
      if (type !== 'join' && type !== 'takeover') continue
      const isBot = type === 'join' && (event.user.startsWith('bot') || event.user === 'guest')
      const { slot } = event
      world.stays.push({ slot, isBot, from: frame.number, until: Infinity, left: false, wasBack: false })
    }
    this.#settle(number, world)
  }
}

function check(number: number, world: World, { stable, acked }: Claim): void {
  const electorate = world.stays.filter(
    ({ isBot, from, until }) => !isBot && from <= stable && until > stable,
  )
  let have = 0
  let gone = 0
  for (const { slot, until, left, wasBack } of electorate) {
    const holders = [...(world.holders.get(slot) ?? [])]
    if (left || holders.some((id) => acked.has(id))) have++
    // Possibly: a client taken over by a reload may never have learned of it.
    if (wasBack || holders.length !== 1 || (until < Infinity && !left)) gone++
  }
  if (have * 2 < electorate.length && gone * 2 <= electorate.length)
    violate('I9', `frame ${stable} of world ${number} is stable by ${have} of ${electorate.length}`)
}
