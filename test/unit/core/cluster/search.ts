import { Rig } from './rig.ts'

const NAMES = ['lobby', 'arena', 'market']

/**
 * One random life of a cluster: nodes start, crash and leave, names are opened and closed, messages are late or lost.
 * Throws where two living nodes have a name open, where a name cannot be opened once all is well, or where somebody
 * remembers a name that nobody has open.
 */
export function search(seed: number): {
  readonly opened: number
  readonly crashes: number
  readonly taken: number
} {
  const rig = new Rig(seed)
  const { random, clock } = rig
  rig.weather = random.pick([
    { delay: [1, 1], loss: 0 },
    { delay: [1, 400], loss: 0 },
    { delay: [1, 400], loss: 0.1 },
    { delay: [1, 600], loss: 0.02 },
  ] as const)
  let crashes = 0
  /** When two nodes may be cut off from each other again. */
  const heals = new Map<string, number>()
  for (let n = random.int(1, 3); n > 0; n--) rig.start()
  clock.runTo(5_000)
  const end = clock.now + 15_000
  const check = (): void => {
    const twins = rig.twins()
    if (twins.length > 0) throw new Error(`seed ${seed} at ${clock.now}: open twice: ${twins.join(' ')}`)
  }
  // Only silence may make a registrar go on without a node's word; in these lives nobody is silent for so long.
  const act = (): void => {
    const { living } = rig
    const node = random.pick(living)
    const name = random.pick(NAMES)
    const luck = random.unit()
    if (luck < 0.06 && rig.nodes.length < 8) rig.start()
    else if (luck < 0.1 && living.length > 1) {
      crashes++
      node.isAlive = false
    } else if (luck < 0.12 && living.length > 1) {
      node.act(() => node.cluster.leave(clock.now))
      node.isAlive = false
    } else if (luck < 0.15 && living.length > 1) {
      // Two nodes do not hear each other, for less than a lease, and not soon again.
      const other = random.pick(living.filter((each) => each !== node))
      const ways = [`${node.id} ${other.id}`, `${other.id} ${node.id}`]
      if (ways.some((way) => clock.now < (heals.get(way) ?? 0))) return
      const ms = random.int(100, 1_800)
      for (const way of ways) {
        rig.cut.add(way)
        heals.set(way, clock.now + ms + 2_500)
        clock.after(ms, () => rig.cut.delete(way))
      }
    } else if (luck < 0.7) {
      if (!node.isBusy(name)) node.claim(name)
    } else if (node.open.has(name)) node.close(name)
  }
  while (clock.now < end) {
    rig.run(random.int(1, 200))
    act()
    check()
  }
  rig.weather = { delay: [1, 1], loss: 0 }
  rig.run(5_000)
  check()
  for (const node of rig.living) for (const name of node.open) node.close(name)
  rig.run(1_000)
  // Whoever tries first gets it, within a round trip.
  for (const name of NAMES) {
    const [first, ...others] = rig.living
    if (first === undefined) continue
    const endings = first.endings.length
    first.claim(name)
    rig.run(3)
    const ending = first.endings[endings]
    if (ending?.by !== 'grant') throw new Error(`seed ${seed}: ${name} ended ${JSON.stringify(ending)}`)
    for (const other of others) {
      const before = other.endings.length
      other.claim(name)
      rig.run(3)
      if (other.endings[before]?.by !== 'taken') throw new Error(`seed ${seed}: ${name} was given twice`)
    }
    first.close(name)
    rig.run(1_000)
  }
  for (const node of rig.living)
    if (node.cluster.remembered > 0)
      throw new Error(`seed ${seed}: ${node.cluster.remembered} names are remembered`)
  const endings = rig.nodes.flatMap((node) => node.endings)
  const count = (by: string): number => endings.filter((ending) => ending.by === by).length
  return { opened: count('grant'), crashes, taken: count('taken') }
}
