import { decodeDiffusion } from '../core/topic/diffusion.ts'
import type { Business } from './business.ts'
import type { VirtualClock } from './clock.ts'
import type { Observer } from './observer.ts'
import type { Random } from './random.ts'
import type { Fault } from './scenario.ts'
import type { SimClient } from './sim-client.ts'
import type { SimNode } from './sim-node.ts'

/** The parts of a run that faults act on. */
export interface World {
  readonly clock: VirtualClock
  readonly observer: Observer
  readonly business: Business
  readonly nodes: readonly SimNode[]
  readonly clients: readonly SimClient[]
  readonly meetings: readonly string[]
  readonly topics: readonly string[]
  /** Another client replaces this one, which has ended. */
  replaceClient(client: SimClient): void
  /** A reloaded page replaces it: the same user, who joins the same meetings. */
  reloadClient(client: SimClient, delay: number): void
  restartNode(index: number): void
  /** Makes the bus lose all messages for this long, in milliseconds. */
  loseBus(duration: number): void
  /** Cuts one node off the bus for this long, and lets it know. */
  cutBus(incarnation: number, duration: number): void
}

/** The incarnation of one who is no node: those of nodes have 48 bits. */
const STRANGER = 2 ** 48

/** How far clocks are set, in milliseconds: a little, to another hour, day, year or century, and back. */
const steps = [
  -4_102_444_800_000, -86_400_000, -60_000, -2_000, -3, 3, 2_000, 3_600_000, 31_536_000_000,
] as const

/** Causes one fault. `random` is the generator of this fault alone. */
export function befall(world: World, fault: Fault, random: Random): void {
  const { clock, business, nodes } = world
  if (world.clients.length === 0) return
  const client = random.pick(world.clients)
  const node = nodes[client.node] as SimNode
  world.observer.fault?.(fault, client.id)
  switch (fault) {
    case 'stall':
      stall(world, client, random)
      return
    case 'reset':
      client.link?.reset()
      return
    case 'half-open':
      client.link?.swallow(random.pick(['up', 'down', 'both']))
      return
    case 'half-reset':
      client.link?.cut()
      return
    case 'restart-client':
      if (random.chance(0.5)) client.kill()
      else client.quit()
      world.replaceClient(client)
      return
    case 'reload-client':
      client.kill()
      world.reloadClient(client, random.int(0, 300))
      return
    case 'reopen-meeting':
      business.close(node, random.pick(world.meetings))
      clock.after(random.int(0, 500), () => business.openMeetings(nodes[client.node] as SimNode))
      return
    case 'restart-node':
      world.restartNode(client.node)
      return
    case 'flood':
      for (let i = 0; i < 40; i++) client.input(random.pick(world.meetings))
      for (let i = 0; i < 10; i++) client.request(2_000)
      return
    case 'drain':
      node.do((core, now) => core.drain(now))
      clock.after(random.int(0, 1_000), () => {
        if (nodes[client.node] === node) world.restartNode(client.node)
      })
      return
    case 'pause':
      node.pause(random.int(50, random.chance(0.2) ? 8_000 : 1_000))
      return
    case 'late-sweeps':
      node.lateness = random.int(5, 200)
      clock.after(random.int(200, 2_000), () => (node.lateness = 0))
      return
    case 'kick':
      business.kick(node, random)
      return
    case 'disconnect':
      business.disconnect(client.user, random.chance(0.3))
      return
    case 'revoke':
      business.revoke(random.chance(0.5) ? { user: client.user } : { id: client.token })
      return
    case 'change-rights':
      business.setRights(client.id, random.pick(['watch', 'some']))
      clock.after(random.int(2_000, 10_000), () => business.setRights(client.id, 'all'))
      return
    case 'lossy-bus':
      if (random.chance(0.5)) world.loseBus(random.int(100, 1_000))
      else world.cutBus(node.incarnation, random.int(1, 5_000))
      return
    case 'clock-step':
      stepClock(world, node, random)
      return
    case 'client-clock':
      client.wallOff = random.pick(steps)
      clock.after(random.int(100, 2_000), () => (client.wallOff = 0))
      return
    case 'stranger':
      node.do((core, now) =>
        core.inlet.message(`t/${random.pick(world.topics)}`, garbage(random), STRANGER, now),
      )
  }
}

/** Sets the clock of a node, perhaps more than once, and right again. */
export function stepClock(
  { clock, business, observer }: Pick<World, 'clock' | 'business' | 'observer'>,
  node: SimNode,
  random: Random,
): void {
  const { core } = node
  const sessions = core.sessionList(1_000)
  if (core.admission.newcomers > 0) observer.met?.('clock-step:while a token is checked')
  if (sessions.some(({ connected }) => !connected)) observer.met?.('clock-step:while a session is away')
  if (business.hasRevoked) observer.met?.('clock-step:while tokens are revoked')
  node.setClock(random.pick(steps))
  if (random.chance(0.5)) clock.after(random.int(0, 1_000), () => node.setClock(random.pick(steps)))
  clock.after(random.int(1_000, 2_000), () => node.setClock(0))
}

function stall({ clock }: World, { link }: SimClient, random: Random): void {
  const direction = random.pick(['up', 'down', 'both'] as const)
  link?.stall(direction, true)
  clock.after(random.int(50, 3_000), () => link?.stall(direction, false))
}

/** Random bytes on the bus. Now and then such bytes are a publication by chance; those are passed over. */
function garbage(random: Random): Uint8Array {
  for (;;) {
    const bytes = random.bytes(random.int(0, 40))
    if (decodeDiffusion(bytes) === null) return bytes
  }
}
