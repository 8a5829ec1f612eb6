import type { MessageOf } from '../../../../src/protocol/index.ts'
import { type Harness, type Peer, publicationsOf, textOf } from '../harness.ts'
import type { World } from './world.ts'

type Wish = Partial<MessageOf<'subscribe'>['topics'][number]>

/** Subscribes a reader on a node of a cluster, and lets it wait for what other nodes keep. */
export function listen(world: World, peer: Peer, topic: string, wish: Wish = {}): MessageOf<'subscribed'> {
  peer.subscribe(topic, wish)
  world.settle()
  const subscribed = peer.heard.findLast((message) => message.type === 'subscribed')
  if (subscribed?.type !== 'subscribed') throw new Error('not subscribed')
  return subscribed
}

/** What a reader has heard since it was last asked: texts, with their keys, and gaps. */
export function heard(peer: Peer): string[] {
  return peer.take().flatMap((message) => {
    if (message.type === 'gap') return [`gap ${message.reason}`]
    if (message.type !== 'publications') return []
    return publicationsOf([message]).map(({ key, data }) =>
      key === '' ? textOf(data) : `${key}=${textOf(data)}`,
    )
  })
}

/** Publishes texts to `t` on a node, each of which reaches the others before the next. */
export function say(world: World, node: Harness, ...texts: string[]): void {
  for (const each of texts) {
    node.publish('t', each)
    world.settle()
  }
}

/** Publishes values of keys to `t`: `key=value`. */
export function put(world: World, node: Harness, ...values: string[]): void {
  for (const each of values) {
    const [key, value] = each.split('=') as [string, string]
    node.publish('t', value, key)
    world.settle()
  }
}
