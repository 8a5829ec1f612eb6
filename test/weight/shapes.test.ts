import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeHeapSnapshot } from 'node:v8'
import { expect, it } from 'vitest'
import { settleShapes } from '../../src/core/index.ts'
import { messages, textPayload } from '../../src/testing/index.ts'
import { collect, Scale } from './scale.ts'

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly edge_fields: string[] } }
  readonly nodes: number[]
  readonly edges: number[]
  readonly strings: string[]
}

/** Number of objects of each class whose properties are kept in a hash table. */
function hashTables(): Map<string, number> {
  const file = join(tmpdir(), `rtms-shapes-${process.pid}.heapsnapshot`)
  writeHeapSnapshot(file)
  const { snapshot, nodes, edges, strings } = JSON.parse(readFileSync(file, 'utf8')) as Snapshot
  rmSync(file)
  const { node_fields: nodeFields, edge_fields: edgeFields } = snapshot.meta
  const [name, edgeCount] = [nodeFields.indexOf('name'), nodeFields.indexOf('edge_count')]
  const target = edgeFields.indexOf('to_node')
  const nameOf = (node: number): string => strings[nodes[node + name] as number] as string
  const found = new Map<string, number>()
  let edge = 0
  for (let node = 0; node < nodes.length; node += nodeFields.length)
    for (let n = 0; n < (nodes[node + edgeCount] as number); n++, edge += edgeFields.length)
      if (nameOf(edges[edge + target] as number) === '(object properties)')
        found.set(nameOf(node), (found.get(nameOf(node)) ?? 0) + 1)
  return found
}

/** A node with a user who is in some meetings, reads their topics and awaits an answer. */
function busyNode(meetings: number): Scale {
  const scale = new Scale()
  for (let n = 0; n < meetings; n++) {
    scale.node.openMeeting(`m${n}`, { spectatorDelayMs: 100 }, scale.now)
    for (const spectator of [false, true]) {
      const connection = scale.connect(`u${n}`)
      scale.say(
        connection,
        { ...messages.join(1, `m${n}`), spectator },
        messages.subscribe(2, `t${n}`),
        messages.request(3, 'r', textPayload('x')),
        messages.input(1, 1, textPayload('x')),
      )
      scale.settle()
    }
    scale.node.publish(`t${n}`, textPayload('x'), 'key', false, scale.now)
    scale.node.push(`u${n}`, 'note', textPayload('x'))
    scale.settle()
    scale.now += 1_000
    scale.settle()
  }
  return scale
}

/** Names of the classes of the core. */
const ours = new Set(
  readdirSync('src/core', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => [...readFileSync(join('src/core', file), 'utf8').matchAll(/\bclass (\w+)/g)])
    .map(([, name]) => name as string),
)

it('Objects keep the shape of their class where the first ones lived one at a time', async () => {
  settleShapes()
  for (let n = 0; n < 10; n++) {
    busyNode(1)
    for (let turn = 0; turn < 3; turn++) {
      collect()
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const scale = busyNode(50)
  expect(ours).toContain('Owner')
  expect(scale.node.meetingCount).toBe(50)
  const many = [...hashTables()].filter(([, count]) => count >= 50).map(([name]) => name)
  expect(many.filter((name) => ours.has(name))).toEqual([])
})
