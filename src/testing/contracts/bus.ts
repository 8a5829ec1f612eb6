import { type Bus, type BusListener, SUBJECT_BYTES } from '../../core/index.ts'

/** A bus under test, where nothing is lost; {@link busContract} makes a new one for each case. */
export interface BusUnderTest {
  /** Connects one more node. `fault` gets what the listener throws. */
  connect(
    incarnation: number,
    listener: BusListener,
    fault: (error: unknown) => void,
  ): Bus & { close(): unknown }
  /** Gives messages time to arrive: some milliseconds, or a virtual step. Called again and again. */
  wait(): Promise<void>
  /** An outage of the whole bus; left out where a bus has none. */
  readonly outage?: { begin(): Promise<void>; end(): Promise<void> }
  /** Ends a node in a way that proves it to the others; left out where a bus has no proof. */
  end?(incarnation: number): Promise<void>
  /** Ends the bus. */
  stop(): Promise<void>
}

/** How often it waits before it gives up. */
const PATIENCE = 2_000

/** A subject by which the nodes of a case find out what has arrived. */
const MARK = 'mark'

const codes = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

class Node {
  readonly incarnation: number
  readonly port: Bus & { close(): unknown }
  /** What arrived: `subject:text`, or `!text` where it was sent to this node alone. */
  readonly heard: string[] = []
  /** Who sent each of it. */
  readonly from: number[] = []
  /** `down`, `back` and `gone 7`. */
  readonly events: string[] = []
  readonly faults: unknown[] = []
  /** The last mark of each other node. */
  readonly marks: Map<number, number> = new Map()
  /** Called with each message before it is noted. */
  hook: (text: string) => void = () => {}

  constructor(bus: BusUnderTest, incarnation: number) {
    this.incarnation = incarnation
    const note = (label: string, bytes: Uint8Array, from: number): void => {
      // The `slice` of a Buffer makes no copy, which would keep more in memory than anybody counts.
      if (Object.getPrototypeOf(bytes) !== Uint8Array.prototype)
        throw new Error('the bytes are no plain Uint8Array')
      const text = `${label}${bytes.length > 300 ? bytes.length : String.fromCharCode(...bytes)}`
      this.hook(text)
      this.heard.push(text)
      this.from.push(from)
    }
    const listener: BusListener = {
      message: (subject, bytes, from) => {
        if (subject === MARK) this.marks.set(from, Number(String.fromCharCode(...bytes)))
        else note(`${subject}:`, bytes, from)
      },
      sent: (bytes, from) => note('!', bytes, from),
      down: () => this.events.push('down'),
      back: () => this.events.push('back'),
      gone: (node) => this.events.push(`gone ${node}`),
    }
    this.port = bus.connect(incarnation, listener, (error) => this.faults.push(error))
    this.port.subscribe(MARK)
  }

  say(subject: string, text: string): void {
    this.port.publish(subject, codes(text))
  }
}

/** A case under way. */
class Case {
  readonly bus: BusUnderTest
  #nodes: Node[] = []
  #mark = 0

  constructor(bus: BusUnderTest) {
    this.bus = bus
  }

  /** Connects nodes and waits until all of them are on the bus. */
  async join(count: number): Promise<Node[]> {
    const made = Array.from(
      { length: count },
      (_, n) => new Node(this.bus, 2 ** 48 - 1 - n - this.#nodes.length),
    )
    this.#nodes.push(...made)
    await this.until('every node is told back', () => made.every(({ events }) => events.includes('back')))
    await this.settle()
    return made
  }

  leave(node: Node): void {
    this.#nodes = this.#nodes.filter((other) => other !== node)
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    for (let tries = 0; !holds(); tries++) {
      if (tries === PATIENCE) throw new Error(`it never came true that ${what}`)
      // eslint-disable-next-line no-await-in-loop
      await this.bus.wait()
    }
  }

  /**
   * Waits until what every node did so far has had its effect on every other: each says a mark, which follows its
   * subscriptions and messages.
   */
  async settle(): Promise<void> {
    const mark = ++this.#mark
    const nodes = this.#nodes
    for (let tries = 0; ; tries++) {
      if (tries === PATIENCE) throw new Error('messages do not arrive')
      const behind = nodes.filter((node) =>
        nodes.some((other) => other !== node && other.marks.get(node.incarnation) !== mark),
      )
      if (behind.length === 0) return
      // A mark may be lost where a subscription is not known yet everywhere.
      if (tries % 20 === 0) for (const node of behind) node.say(MARK, `${mark}`)
      // eslint-disable-next-line no-await-in-loop
      await this.bus.wait()
    }
  }
}

function same(what: string, heard: readonly unknown[], expected: readonly unknown[]): void {
  if (heard.join('\n') === expected.join('\n')) return
  throw new Error(`${what}: expected [${expected.join(', ')}], got [${heard.join(', ')}]`)
}

function throws(what: string, call: () => void): void {
  try {
    call()
  } catch {
    return
  }
  throw new Error(`${what} was not refused`)
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** Subjects that a bus may take for something else. */
const odd: readonly string[] = [
  '',
  ' ',
  'a b',
  '.',
  '..',
  'a..b',
  'a.*',
  'a.b',
  '*',
  '>',
  'a.>',
  '$SYS.>',
  '_INBOX.a',
  '\0',
  '\r\nPUB x 0\r\n\r\n',
  '\u0085\u2028\ufeff',
  '价格.招商银行',
  '🐲',
  'é',
  'e\u0301',
  '__proto__',
  'a'.repeat(SUBJECT_BYTES),
  `${'é'.repeat((SUBJECT_BYTES - 1) / 2)}a`,
]

/**
 * What the core requires of a `Bus`, as cases for any test runner: each rejects where the bus breaks a requirement.
 */
export function busContract(
  make: () => BusUnderTest | Promise<BusUnderTest>,
  /** Whether the bus has outages, and proof that a node has ended. */
  can: { readonly outage: boolean; readonly proof: boolean },
): readonly { readonly name: string; run(): Promise<void> }[] {
  const contract = (
    name: string,
    run: (test: Case) => Promise<void>,
  ): { name: string; run(): Promise<void> } => ({
    name,
    run: async () => {
      const bus = await make()
      try {
        await run(new Case(bus))
      } finally {
        await bus.stop()
      }
    },
  })
  const cases = [
    contract('reaches every other node that subscribes, and no other', async (test) => {
      const [a, b, c, d] = (await test.join(4)) as [Node, Node, Node, Node]
      for (const node of [a, b, c]) node.port.subscribe('t')
      d.port.subscribe('u')
      await test.settle()
      a.say('t', '1')
      await test.settle()
      for (const node of [b, c]) same('a subscriber', node.heard, ['t:1'])
      same('a subscriber of another subject', d.heard, [])
      same('the sender', a.heard, [])
    }),
    contract('sends to one node alone, whether it subscribes to anything or not', async (test) => {
      const [a, b, c] = (await test.join(3)) as [Node, Node, Node]
      a.port.send(b.incarnation, codes('1'))
      a.port.send(a.incarnation, codes('self'))
      a.port.send(12_345, codes('nobody'))
      await test.settle()
      same('the one', b.heard, ['!1'])
      for (const node of [a, c]) same('another', node.heard, [])
    }),
    contract('names the sender', async (test) => {
      const [a, b, c] = (await test.join(3)) as [Node, Node, Node]
      c.port.subscribe('t')
      await test.settle()
      a.say('t', '1')
      await test.settle()
      b.say('t', '2')
      b.port.send(c.incarnation, codes('3'))
      await test.settle()
      same(
        'the senders',
        c.from,
        [a, b, b].map(({ incarnation }) => incarnation),
      )
    }),
    contract('says that a subject is heard where another node listens to it', async (test) => {
      const [a, b] = (await test.join(2)) as [Node, Node]
      for (const node of [a, b]) node.port.subscribe('t')
      await test.settle()
      for (const node of [a, b]) if (!node.port.hears('t')) throw new Error('a listener is overlooked')
      b.port.unsubscribe('t')
      b.port.subscribe('t')
      await test.settle()
      if (!a.port.hears('t')) throw new Error('a listener that came back is overlooked')
    }),
    contract('keeps the order of each sender, over all subjects and messages to one node', async (test) => {
      const [a, b, c] = (await test.join(3)) as [Node, Node, Node]
      for (const subject of ['t', 'u']) c.port.subscribe(subject)
      await test.settle()
      for (const n of numbers(300))
        for (const [node, name] of [
          [a, 'a'],
          [b, 'b'],
        ] as const)
          if (n % 3 === 0) node.port.send(c.incarnation, codes(`${name}${n}`))
          else node.say(n % 3 === 1 ? 't' : 'u', `${name}${n}`)
      await test.settle()
      for (const name of ['a', 'b'])
        same(
          `of ${name}`,
          c.heard.filter((text) => text.includes(name)),
          numbers(300).map((n) => `${['!', 't:', 'u:'][n % 3]}${name}${n}`),
        )
    }),
    contract('delivers nothing more than once, also to a node that subscribes twice', async (test) => {
      const [a, b] = (await test.join(2)) as [Node, Node]
      b.port.subscribe('t')
      b.port.subscribe('t')
      await test.settle()
      a.say('t', '1')
      await test.settle()
      await test.settle()
      same('the subscriber', b.heard, ['t:1'])
      b.port.unsubscribe('t')
      await test.settle()
      a.say('t', '2')
      await test.settle()
      same('after one unsubscribe', b.heard, ['t:1'])
    }),
    contract('stores nothing: whoever subscribes later hears only what is published then', async (test) => {
      const [a, b] = (await test.join(2)) as [Node, Node]
      a.say('t', 'early')
      await test.settle()
      b.port.subscribe('t')
      await test.settle()
      a.say('t', 'late')
      await test.settle()
      same('the late subscriber', b.heard, ['t:late'])
    }),
    contract('ends with the unsubscribing, for that node alone, and can begin again', async (test) => {
      const [a, b, c] = (await test.join(3)) as [Node, Node, Node]
      for (const node of [b, c]) node.port.subscribe('t')
      await test.settle()
      b.port.unsubscribe('t')
      b.port.unsubscribe('never')
      await test.settle()
      a.say('t', '1')
      await test.settle()
      b.port.subscribe('t')
      await test.settle()
      a.say('t', '2')
      await test.settle()
      same('who unsubscribed', b.heard, ['t:2'])
      same('who stayed', c.heard, ['t:1', 't:2'])
    }),
    contract('returns before it calls anybody back', async (test) => {
      const nodes = await test.join(2)
      let inside = false
      for (const node of nodes)
        node.hook = () => {
          if (inside) throw new Error('a listener was called from inside a port')
        }
      for (let round = 0; round < 2; round++) {
        inside = true
        for (const { port } of nodes) port.subscribe('t')
        for (const node of nodes) node.say('t', '1')
        for (const { port } of nodes) for (const { incarnation } of nodes) port.send(incarnation, codes('2'))
        inside = false
        await test.settle()
      }
      for (const { faults } of nodes) same('faults', faults, [])
    }),
    contract('carries bytes as they are: none, each value, and a mebibyte', async (test) => {
      const [a, b] = (await test.join(2)) as [Node, Node]
      b.port.subscribe('t')
      await test.settle()
      const all = Uint8Array.from(numbers(256))
      const large = Uint8Array.from({ length: 1024 * 1024 }, (_, n) => n % 251)
      for (const bytes of [new Uint8Array(), all, large]) {
        a.port.publish('t', bytes)
        a.port.send(b.incarnation, bytes)
      }
      await test.settle()
      const text = String.fromCharCode(...all)
      same('the bytes', b.heard, ['t:', '!', `t:${text}`, `!${text}`, 't:1048576', '!1048576'])
    }),
    contract('takes any text as a subject, and none for another or for a pattern', async (test) => {
      const [a, b] = (await test.join(2)) as [Node, Node]
      for (const subject of odd) b.port.subscribe(subject)
      await test.settle()
      for (const subject of [...odd, 'a', 'a.c', 'A.B', 'b', '$SYS', 'x']) a.say(subject, 'x')
      await test.settle()
      same(
        'the subjects',
        b.heard,
        odd.map((subject) => `${subject}:x`),
      )
    }),
    contract('refuses a subject that is too long or has a lone surrogate', async (test) => {
      const [a] = (await test.join(1)) as [Node]
      for (const subject of ['a'.repeat(SUBJECT_BYTES + 1), 'é'.repeat(SUBJECT_BYTES), '\ud800', 'a\udc00b'])
        for (const call of ['publish', 'subscribe'] as const)
          throws(`${call} of ${JSON.stringify(subject.slice(0, 9))}`, () => a.port[call](subject, codes('x')))
    }),
    contract('goes on after a listener has thrown, which costs that one message', async (test) => {
      const [a, b, c] = (await test.join(3)) as [Node, Node, Node]
      for (const node of [b, c]) node.port.subscribe('t')
      await test.settle()
      b.hook = (text) => {
        if (text === 't:1' || text === '!2') throw new Error(text)
      }
      a.say('t', '1')
      a.port.send(b.incarnation, codes('2'))
      a.say('t', '3')
      await test.settle()
      same('who threw', b.heard, ['t:3'])
      same('its faults', b.faults, ['Error: t:1', 'Error: !2'])
      same('another', c.heard, ['t:1', 't:3'])
    }),
    contract('loses nothing of a burst of four mebibytes', async (test) => {
      const [a, b] = (await test.join(2)) as [Node, Node]
      b.port.subscribe('t')
      await test.settle()
      for (const n of numbers(4_096)) {
        const bytes = new Uint8Array(1_024)
        bytes.set(codes(`${n}`))
        a.port.publish('t', bytes)
      }
      await test.settle()
      await test.until('all have arrived', () => b.heard.length >= 4_096)
      same('number of messages', [b.heard.length], [4_096])
    }),
    contract('delivers nothing to a node that has closed, and goes on for the others', async (test) => {
      const [a, b, c] = (await test.join(3)) as [Node, Node, Node]
      for (const node of [b, c]) node.port.subscribe('t')
      await test.settle()
      a.say('t', '1')
      b.say('t', 'last words')
      await b.port.close()
      const heard = b.heard.length
      test.leave(b)
      a.say('t', '2')
      a.port.send(b.incarnation, codes('3'))
      b.port.subscribe('u')
      b.say('t', 'from beyond')
      b.port.send(c.incarnation, codes('from beyond'))
      await test.settle()
      same('who has closed', [b.heard.length], [heard])
      same(
        'another',
        c.heard.filter((text) => text !== 't:last words'),
        ['t:1', 't:2'],
      )
      same(
        'the last words',
        c.heard.filter((text) => text === 't:last words'),
        ['t:last words'],
      )
      await b.port.close()
    }),
  ]
  if (can.outage)
    cases.push(
      contract('tells down and back of an outage, after which subscriptions still hold', async (test) => {
        const nodes = (await test.join(2)) as [Node, Node]
        const [a, b] = nodes
        b.port.subscribe('t')
        b.port.subscribe('v')
        await test.settle()
        await test.bus.outage?.begin()
        await test.until('all are told down', () => nodes.every(({ events }) => events.includes('down')))
        a.say('t', 'lost')
        a.port.send(b.incarnation, codes('lost'))
        b.port.subscribe('u')
        b.port.unsubscribe('v')
        await test.bus.outage?.end()
        await test.until('all are told back', () => nodes.every(({ events }) => events.length === 3))
        await test.settle()
        for (const subject of ['t', 'u', 'v']) a.say(subject, '1')
        a.port.send(b.incarnation, codes('2'))
        await test.settle()
        for (const { events } of nodes) same('the events', events, ['back', 'down', 'back'])
        same(
          'what came afterwards',
          b.heard.filter((text) => !text.endsWith('lost')),
          ['t:1', 'u:1', '!2'],
        )
      }),
    )
  if (can.proof)
    cases.push(
      contract('tells every other node once that one has ended, after its last message', async (test) => {
        const [a, b, c] = (await test.join(3)) as [Node, Node, Node]
        const gone = `gone ${a.incarnation}`
        for (const node of [b, c]) node.port.subscribe('t')
        await test.settle()
        a.say('t', '1')
        await test.settle()
        test.leave(a)
        await test.bus.end?.(a.incarnation)
        await test.until('the others know', () => [b, c].every(({ events }) => events.includes(gone)))
        b.say('t', '2')
        b.port.send(a.incarnation, codes('3'))
        await test.settle()
        for (const { events } of [b, c]) same('the events', events, ['back', gone])
        same('what came', c.heard, ['t:1', 't:2'])
      }),
    )
  return cases
}
