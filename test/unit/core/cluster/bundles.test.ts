import { expect, it } from 'vitest'
import { Bundles } from '../../../../src/core/cluster/bundles.ts'
import { decodeDatagram, encodeHeads, encodePull } from '../../../../src/core/cluster/datagrams.ts'

const part = (replica: number): Uint8Array => encodePull(replica, 1)

/** The replicas that are asked about in each message, by node, as `2: 1 2`. */
function desk(most: number) {
  const sent: string[] = []
  const bundles = new Bundles((node, packet) => {
    const all = decodeDatagram(packet)
    const parts = all?.type === 'bundle' ? all.parts : [all]
    const words = parts.map((each) => (each?.type === 'pull' ? each.replica : each?.type))
    sent.push(`${node}: ${words.join(' ')}`)
  }, most)
  return { sent, bundles }
}

it('What goes to one node in a sweep goes in one message, in order', () => {
  const { sent, bundles } = desk(1_000)
  for (const [node, replica] of [
    [2, 1],
    [3, 2],
    [2, 3],
  ] as const)
    bundles.add(node, part(replica))
  expect(sent).toEqual([])
  bundles.post()
  expect(sent).toEqual(['2: 1 3', '3: 2'])
  bundles.post()
  expect(sent).toHaveLength(2)
})

it('A message has so many bytes at most, unless a single part has more', () => {
  const { length } = part(1)
  const { sent, bundles } = desk(3 * length)
  for (let replica = 1; replica <= 7; replica++) bundles.add(2, part(replica))
  expect(sent).toEqual(['2: 1 2 3', '2: 4 5 6'])
  const large = encodeHeads(Array.from({ length: 20 }, (_, replica) => ({ replica, next: 1, due: 0 })))
  bundles.add(2, large)
  bundles.add(2, part(8))
  expect(sent.slice(2)).toEqual(['2: 7', '2: heads'])
  bundles.post()
  expect(sent.slice(4)).toEqual(['2: 8'])
})
