import type { Bus } from '../../core/index.ts'

/** A bus under test; {@link busContract} makes a new one for each case. */
export interface BusUnderTest {
  /** Returns the port of another node; messages from other nodes go to `listener`. */
  connect(listener: (topic: string, bytes: Uint8Array) => void): Bus
  /** Delivers everything that was published. */
  settle(): void
}

interface Node {
  readonly port: Bus
  /** What arrived, as `topic:text`. */
  readonly heard: string[]
  say(topic: string, text: string): void
}

const codes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

function join(bus: BusUnderTest): Node {
  const heard: string[] = []
  const port = bus.connect((topic, bytes) => heard.push(`${topic}:${String.fromCharCode(...bytes)}`))
  return { port, heard, say: (topic, text) => port.publish(topic, codes(text)) }
}

function same(what: string, heard: readonly string[], expected: readonly string[]): void {
  if (heard.join('\n') === expected.join('\n')) return
  throw new Error(`${what}: expected [${expected.join(', ')}], got [${heard.join(', ')}]`)
}

/**
 * The core's requirements of a `Bus`, as cases for any test runner: each throws where the bus breaks one. A bus may
 * lose messages in general; test it where nothing is lost.
 */
export function busContract(make: () => BusUnderTest): readonly { readonly name: string; run(): void }[] {
  const contract = (name: string, run: (bus: BusUnderTest) => void): { name: string; run(): void } => ({
    name,
    run: () => run(make()),
  })
  return [
    contract('reaches every other node that subscribes, and no other', (bus) => {
      const [a, b, c, d] = [join(bus), join(bus), join(bus), join(bus)]
      for (const node of [a, b, c]) node.port.subscribe('t')
      d.port.subscribe('u')
      bus.settle()
      a.say('t', '1')
      bus.settle()
      for (const node of [b, c]) same('a subscriber', node.heard, ['t:1'])
      same('a subscriber of another topic', d.heard, [])
    }),
    contract('says that a topic is heard where another node listens to it', (bus) => {
      const [a, b] = [join(bus), join(bus)]
      for (const node of [a, b]) node.port.subscribe('t')
      bus.settle()
      for (const node of [a, b]) if (!node.port.hears('t')) throw new Error('a listener is overlooked')
      b.port.unsubscribe('t')
      b.port.subscribe('t')
      bus.settle()
      if (!a.port.hears('t')) throw new Error('a listener that came back is overlooked')
    }),
    contract('does not return to its sender', (bus) => {
      const [a, b] = [join(bus), join(bus)]
      for (const node of [a, b]) node.port.subscribe('t')
      bus.settle()
      a.say('t', '1')
      bus.settle()
      same('the sender', a.heard, [])
      same('the other', b.heard, ['t:1'])
    }),
    contract('takes from a node that does not subscribe', (bus) => {
      const [a, b] = [join(bus), join(bus)]
      b.port.subscribe('t')
      bus.settle()
      a.say('t', '1')
      bus.settle()
      same('the subscriber', b.heard, ['t:1'])
    }),
    contract('keeps the order of each publisher, topics mixed', (bus) => {
      const [a, b, c] = [join(bus), join(bus), join(bus)]
      for (const topic of ['t', 'u']) c.port.subscribe(topic)
      bus.settle()
      for (let n = 0; n < 10; n++) {
        a.say(n % 2 === 0 ? 't' : 'u', `a${n}`)
        b.say('t', `b${n}`)
      }
      bus.settle()
      const of = (name: string): string[] => c.heard.filter((message) => message.includes(`:${name}`))
      const numbers = Array.from({ length: 10 }, (_, n) => n)
      same(
        'of the first publisher',
        of('a'),
        numbers.map((n) => `${n % 2 === 0 ? 't' : 'u'}:a${n}`),
      )
      same(
        'of the second publisher',
        of('b'),
        numbers.map((n) => `t:b${n}`),
      )
    }),
    contract('delivers nothing more than once, also to a node that subscribes twice', (bus) => {
      const [a, b] = [join(bus), join(bus)]
      b.port.subscribe('t')
      b.port.subscribe('t')
      bus.settle()
      a.say('t', '1')
      bus.settle()
      bus.settle()
      same('the subscriber', b.heard, ['t:1'])
    }),
    contract('stores nothing: who subscribes later hears only what is published then', (bus) => {
      const [a, b] = [join(bus), join(bus)]
      a.say('t', 'early')
      bus.settle()
      b.port.subscribe('t')
      bus.settle()
      a.say('t', 'late')
      bus.settle()
      same('the late subscriber', b.heard, ['t:late'])
    }),
    contract('ends with the unsubscribing, for that node alone, and can begin again', (bus) => {
      const [a, b, c] = [join(bus), join(bus), join(bus)]
      for (const node of [b, c]) node.port.subscribe('t')
      bus.settle()
      b.port.unsubscribe('t')
      b.port.unsubscribe('never')
      bus.settle()
      a.say('t', '1')
      bus.settle()
      b.port.subscribe('t')
      bus.settle()
      a.say('t', '2')
      bus.settle()
      same('who unsubscribed', b.heard, ['t:2'])
      same('who stayed', c.heard, ['t:1', 't:2'])
    }),
    contract('returns before it calls anybody back', (bus) => {
      const heard: string[] = []
      let inside = false
      const ports: Bus[] = []
      for (let n = 0; n < 2; n++) {
        const port = bus.connect((topic) => {
          if (inside) throw new Error('a listener was called from inside a port')
          heard.push(topic)
        })
        ports.push(port)
      }
      inside = true
      for (const port of ports) port.subscribe('t')
      for (const port of ports) port.publish('t', codes('1'))
      inside = false
      bus.settle()
      inside = true
      for (const port of ports) port.publish('t', codes('2'))
      inside = false
      bus.settle()
      if (heard.length < 2) throw new Error(`${heard.length} messages arrived`)
    }),
    contract('carries bytes as they are, empty ones too', (bus) => {
      const received: Uint8Array[] = []
      const port = bus.connect((_, bytes) => received.push(bytes))
      port.subscribe('t')
      const sender = join(bus)
      bus.settle()
      const all = Uint8Array.from({ length: 256 }, (_, n) => n)
      sender.port.publish('t', new Uint8Array())
      sender.port.publish('t', all)
      bus.settle()
      same(
        'the bytes',
        received.map((bytes) => bytes.join(' ')),
        ['', all.join(' ')],
      )
    }),
  ]
}
