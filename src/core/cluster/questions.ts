import { malformed, Reader, Writer } from '../../protocol/bytes.ts'
import { type ErrorCode, errorNames } from '../../protocol/errors.ts'
import { Asks } from '../ground/asks.ts'
import type { Stats } from '../ground/stats.ts'
import type { Timers } from '../ground/timers.ts'
import type { Form } from './forms.ts'
import { linked, type LinkPart } from './link-messages.ts'
import { type AnswerOf, type KindName, kindNames, questionKinds, type QuestionOf } from './question-kinds.ts'

/** What a node answers instead of what was asked for. */
export interface Refused {
  readonly code: ErrorCode
  readonly message: string
}

/**
 * How a question ended. `gone`: the node has ended. After `deadline`, `gone`, `doubted` (the node misses heartbeats) and
 * `broken` (the link to it broke) it is unknown whether the node has done what it was asked to; after `deadline` and
 * `doubted` it may yet do it.
 */
export type QuestionEnding<A> =
  | { readonly by: 'answer'; readonly answer: A }
  | { readonly by: 'refused'; readonly refused: Refused }
  | { readonly by: 'deadline' | 'gone' | 'broken' | 'doubted' | 'close' }

/** What a node does when it is asked; it calls `reply` once, at once or later. */
export type Answerer<K extends KindName> = (
  question: QuestionOf<K>,
  reply: (answer: AnswerOf<K> | Refusal) => void,
  from: number,
  now: number,
) => void

export type Answerers = { readonly [K in KindName]: Answerer<K> }

/** A refusal, told from an answer by its class. */
export class Refusal implements Refused {
  readonly code: ErrorCode
  readonly message: string

  constructor(code: ErrorCode, message: string) {
    this.code = code
    this.message = message
  }
}

export interface QuestionsLimits {
  /** Questions to all nodes, and to one node, that have no answer yet; further ones wait for their turn. */
  readonly questionsOut: number
  readonly questionsPerNode: number
  /** Bytes of an answer: no bus takes much more in one message. */
  readonly answerBytes: number
}

export const questionsLimits: QuestionsLimits = {
  questionsOut: 20_000,
  questionsPerNode: 5_000,
  answerBytes: 4_194_304,
}

/** What follows the byte that says that a message on a link is about a question. */
const parts = { question: 0, answer: 1, refused: 2 } as const

/** One question to one node. */
interface Open {
  readonly id: number
  readonly node: number
  readonly kind: KindName
  readonly message: Uint8Array
  /** Why no answer can come, where it ends for that. */
  hopeless: 'gone' | 'broken' | 'doubted' | null
  readonly ended: (ending: QuestionEnding<never>, now: number) => void
}

/**
 * Questions to other nodes, over links. Each ends exactly once: by the answer, its deadline, the end of the node, or
 * the break of the link.
 */
export class Questions implements LinkPart {
  readonly #stats: Stats
  readonly #send: (node: number, message: Uint8Array) => void
  readonly #answerers: Answerers
  readonly #answerBytes: number
  readonly #asks: Asks<Open, QuestionEnding<never>>
  /** By node and id. */
  readonly #open: Map<number, Map<number, Open>> = new Map()
  #last = 0

  constructor(
    timers: Timers,
    stats: Stats,
    send: (node: number, message: Uint8Array) => void,
    answerers: Answerers,
    { questionsOut, questionsPerNode, answerBytes }: QuestionsLimits = questionsLimits,
  ) {
    this.#stats = stats
    this.#send = send
    this.#answerers = answerers
    this.#answerBytes = answerBytes
    this.#asks = new Asks(timers, {
      timer: 'question',
      most: questionsOut,
      share: questionsPerNode,
      payer: ({ node }) => String(node),
      put: ({ node, message }) => this.#send(node, message),
      ended: (open, ending, now) => {
        const ofNode = this.#open.get(open.node)
        if (ofNode?.delete(open.id) === true && ofNode.size === 0) this.#open.delete(open.node)
        if (ending.by === 'answer') open.ended(ending.answer, now)
        else open.ended({ by: ending.by === 'deadline' ? 'deadline' : (open.hopeless ?? 'close') }, now)
      },
    })
  }

  /** Number of questions that have not ended. */
  get size(): number {
    return this.#asks.size
  }

  /** Asks each of these nodes. `ended` is called later, exactly once for each of them. */
  ask<K extends KindName>(
    nodes: Iterable<number>,
    kind: K,
    question: QuestionOf<K>,
    deadline: number,
    ended: (node: number, ending: QuestionEnding<AnswerOf<K>>, now: number) => void,
  ): void {
    const id = ++this.#last
    const w = begin(parts.question, id)
    w.byte(kindNames.indexOf(kind))
    ;(questionKinds[kind].question as Form<QuestionOf<K>>).write(w, question)
    const message = w.finish()
    for (const node of nodes) {
      const open: Open = {
        id,
        node,
        kind,
        message,
        hopeless: null,
        ended: (ending, now) => ended(node, ending, now),
      }
      let ofNode = this.#open.get(node)
      if (ofNode === undefined) this.#open.set(node, (ofNode = new Map()))
      ofNode.set(id, open)
      this.#asks.ask(open, deadline)
    }
  }

  /** A message on the link from another node, which begins with the byte for questions. */
  message(from: number, message: Uint8Array, now: number): void {
    const act = this.#read(from, message)
    if (act === null) this.#stats.strangers++
    else act(now)
  }

  /** What a message calls for; null where it is malformed. */
  #read(from: number, message: Uint8Array): ((now: number) => void) | null {
    const r = new Reader(message)
    try {
      r.byte()
      const part = r.byte()
      const id = r.uint()
      return part === parts.question ? this.#readQuestion(from, id, r) : this.#readAnswer(from, id, part, r)
    } catch {
      return null
    }
  }

  #readQuestion(from: number, id: number, r: Reader): (now: number) => void {
    const kind = kindNames[r.byte()]
    if (kind === undefined) throw malformed('a question of no kind')
    const question = questionKinds[kind].question.read(r) as never
    r.finish()
    const reply = (answer: AnswerOf<KindName> | Refusal): void =>
      this.#send(from, answerTo(kind, id, answer, this.#answerBytes))
    return (now) => (this.#answerers[kind] as Answerer<KindName>)(question, reply, from, now)
  }

  #readAnswer(from: number, id: number, part: number, r: Reader): (now: number) => void {
    const open = this.#open.get(from)?.get(id)
    // It has ended meanwhile.
    if (open === undefined) return () => {}
    const ending = readEnding(open.kind, part, r)
    return (now) => void this.#asks.answer(open, ending, now)
  }

  /** The link to a node broke: nothing that was sent before arrives any more. */
  broken(node: number, now: number): void {
    this.#endAll(node, 'broken', now)
  }

  /** A node has ended. */
  gone(node: number, now: number): void {
    this.#endAll(node, 'gone', now)
  }

  /** A node misses heartbeats: clients that wait for its word go on without it. */
  doubt(node: number, now: number): void {
    this.#endAll(node, 'doubted', now, (kind) => kind === 'session' || kind === 'whereabouts')
  }

  #endAll(
    node: number,
    by: 'broken' | 'gone' | 'doubted',
    now: number,
    isMeant: (kind: KindName) => boolean = () => true,
  ): void {
    for (const open of this.#open.get(node)?.values() ?? []) {
      if (!isMeant(open.kind)) continue
      open.hopeless = by
      if (!this.#asks.answer(open, { by }, now)) this.#asks.end(open, 'close', now)
    }
  }

  /** This node closes. */
  close(now: number): void {
    for (const ofNode of this.#open.values())
      for (const open of ofNode.values()) this.#asks.end(open, 'close', now)
  }
}

function begin(part: number, id: number): Writer {
  const w = new Writer()
  w.byte(linked.questions)
  w.byte(part)
  w.uint(id)
  return w
}

/** The message with an answer, of at most `most` bytes, or a refusal. */
function answerTo(
  kind: KindName,
  id: number,
  answer: AnswerOf<KindName> | Refusal,
  most: number,
): Uint8Array {
  if (answer instanceof Refusal) {
    const w = begin(parts.refused, id)
    w.uint(errorNames.indexOf(answer.code))
    w.text(answer.message)
    return w.finish()
  }
  try {
    const w = begin(parts.answer, id)
    questionKinds[kind].answer.write(w, answer as never)
    if (w.length <= most) return w.finish()
  } catch {
    // What a business has put into a meeting's metadata, for instance.
    return answerTo(kind, id, new Refusal('HANDLER_FAILED', 'the answer has no JSON form'), most)
  }
  // The link would break over it.
  return answerTo(kind, id, new Refusal('TOO_LARGE', 'the answer is too large; ask for fewer items'), most)
}

function readEnding(kind: KindName, part: number, r: Reader): QuestionEnding<never> {
  if (part === parts.refused) {
    const code = errorNames[r.uint()] as ErrorCode | undefined
    const message = r.text(Infinity)
    if (code === undefined) throw malformed('an error code')
    return { by: 'refused', refused: { code, message } }
  }
  if (part !== parts.answer) throw malformed('neither question nor answer')
  const answer = questionKinds[kind].answer.read(r) as never
  r.finish()
  return { by: 'answer', answer }
}
