import type { VirtualClock } from '../clock.ts'
import { stepClock } from '../misfortune.ts'
import type { Observer } from '../observer.ts'
import type { Random } from '../random.ts'
import type { SimClient } from '../sim-client.ts'
import type { SimNode } from '../sim-node.ts'
import type { ClusterBusiness } from './business.ts'
import type { Calamity } from './plan.ts'
import type { Weather } from './weather.ts'

/** The parts of a run that its calamities act on. */
export interface ClusterWorld {
  readonly clock: VirtualClock
  readonly observer: Observer
  readonly business: ClusterBusiness
  readonly weather: Weather
  readonly nodes: readonly SimNode[]
  readonly clients: readonly SimClient[]
  /** A client that has ended is replaced: by another one, or by the same user's page, loaded anew. */
  replaceClient(client: SimClient, isReload: boolean): void
  /** A node's process is killed; another one is started in its place after a while. */
  killNode(node: SimNode, downMs: number): void
  /** A node says goodbye and ends; another one is started in its place. */
  leaveNode(node: SimNode, downMs: number): void
}

/** Long enough, now and then, for a lease to run out. */
const lengths = [200, 1_000, 2_500, 5_000] as const

/** Causes one calamity. `random` is the generator of this one alone. */
export function befallCluster(world: ClusterWorld, calamity: Calamity, random: Random): void {
  const { clock, business, weather, nodes } = world
  const node = random.pick(nodes)
  const duration = random.pick(lengths)
  world.observer.clustered?.(calamity, `node ${node.index}, ${duration} ms`)
  if (!befallNodes(world, calamity, node, random, duration) && world.clients.length > 0)
    befallClients(world, calamity, random)
  if (calamity === 'close-meeting') business.closeOne()
  else if (calamity === 'race') business.openSomewhere(true)
  else if (calamity === 'kick') business.kick(node, random)
  else if (calamity === 'late-sweeps') {
    node.lateness = random.int(5, 200)
    clock.after(duration, () => (node.lateness = 0))
  } else if (calamity === 'clock-step') stepClock(world, node, random)
  else if (calamity === 'lossy') weather.lose(random.pick([0.02, 0.2, 0.5]), duration)
}

function befallNodes(
  world: ClusterWorld,
  calamity: Calamity,
  node: SimNode,
  random: Random,
  duration: number,
): boolean {
  const { weather, nodes } = world
  const others = nodes.filter((other) => other !== node).map(({ index }) => index)
  const other = random.pick(others)
  switch (calamity) {
    case 'partition':
      weather.block(between([node.index], [other]), duration)
      return true
    case 'one-way':
      weather.block([`${node.index} ${other}`], duration)
      return true
    case 'island': {
      const side = others.filter(() => random.chance(0.4))
      const rest = others.filter((index) => !side.includes(index))
      weather.block(between([node.index, ...side], rest), duration)
      return true
    }
    case 'slow':
      weather.hold([`${node.index} ${other}`], random.int(50, 1_500))
      return true
    case 'outage':
      for (const each of random.chance(0.3) ? nodes : [node]) weather.cut(each, duration)
      return true
    case 'pause':
      node.pause(duration)
      return true
    case 'kill':
      world.killNode(node, random.pick([0, 300, 2_000, 6_000]))
      return true
    case 'leave':
      world.leaveNode(node, random.pick([0, 1_000]))
      return true
    default:
      return false
  }
}

function befallClients(world: ClusterWorld, calamity: Calamity, random: Random): void {
  const { clock, business, clients } = world
  const client = random.pick(clients)
  switch (calamity) {
    case 'reset':
      client.link?.reset()
      return
    case 'move':
      // The connection ends, and the balancer may connect it to another node.
      if (random.chance(0.5)) client.link?.cut()
      else client.link?.swallow(random.pick(['up', 'down', 'both']))
      return
    case 'restart-client':
    case 'reload-client':
      if (random.chance(0.5)) client.kill()
      else client.quit()
      clock.after(random.int(0, 300), () => world.replaceClient(client, calamity === 'reload-client'))
      return
    case 'revoke':
      business.revoke(random.chance(0.5) ? { user: client.user } : { id: client.token })
  }
}

/** Both ways between each of these machines and each of those. */
function between(these: readonly number[], those: readonly number[]): string[] {
  return these.flatMap((one) => those.flatMap((other) => [`${one} ${other}`, `${other} ${one}`]))
}
