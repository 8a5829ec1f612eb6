import * as v from 'valibot'
import { describe, expectTypeOf, it } from 'vitest'
import { type Client, connect, type Frame } from '../../../src/client/index.ts'
import { type Meeting as ServerMeeting, Rtms, type Schema } from '../../../src/server/index.ts'

/* What compiles, and what must not: the compiler is the test, and nothing of this is ever called. */

interface Order {
  readonly symbol: string
  readonly quantity: number
}

interface Quote {
  readonly price: number
}

interface Market {
  readonly requests: {
    'order.place': { input: Order; output: { id: string } }
    'order.count': { input: null; output: number }
  }
  readonly pushes: { 'order.filled': { id: string } }
  readonly topics: { 'stock.*': Quote; news: string }
  readonly meetings: {
    quiz: {
      input: { answer: number }
      message: { right: boolean }
      say: { question: string }
      state: { round: number }
    }
    duel: { input: { move: string } }
  }
}

/** Never calls it. */
const compiles = (use: (client: Client<Market>, rtms: Rtms<Market>) => unknown): void => void use

describe('A contract', () => {
  it('types what a client asks, and what it is answered', () => {
    compiles(async (client) => {
      expectTypeOf(await client.request('order.place', { symbol: 'A', quantity: 1 })).toEqualTypeOf<{
        id: string
      }>()
      expectTypeOf(await client.request('order.count')).toEqualTypeOf<number>()
      // @ts-expect-error the order is missing
      await client.request('order.place')
      // @ts-expect-error of another shape
      await client.request('order.place', { symbol: 'A' })
      // @ts-expect-error no such method
      await client.request('order.cancel', { id: '1' })
    })
  })

  it('types pushes', () => {
    compiles(async (client, rtms) => {
      client.onPush('order.filled', (order) => expectTypeOf(order).toEqualTypeOf<{ id: string }>())
      await rtms.users.push('ann', 'order.filled', { id: '1' })
      // @ts-expect-error no such push
      client.onPush('order.lost', () => {})
      // @ts-expect-error of another shape
      await rtms.users.push('ann', 'order.filled', { id: 1 })
    })
  })

  it('types topics by name and by pattern', () => {
    compiles(async (client, rtms) => {
      client.subscribe('stock.600519', (quote) => expectTypeOf(quote).toEqualTypeOf<Quote>())
      client.subscribe('news', (text) => expectTypeOf(text).toEqualTypeOf<string>())
      await client.publish('news', 'text')
      rtms.topics.publish('stock.600519', { price: 1 })
      // A removal needs no data.
      await client.publish('news', undefined, { key: 'k', remove: true })
      rtms.topics.publish('stock.600519', null, { key: 'k', tombstone: true })
      // @ts-expect-error of another shape, and no removal
      await client.publish('news', undefined, { key: 'k' })
      // @ts-expect-error of another shape, and no removal
      rtms.topics.publish('stock.600519', null, { key: 'k' })
      expectTypeOf(rtms.topics.latest('news')[0]?.data).toEqualTypeOf<string | undefined>()
      // @ts-expect-error no such topic
      client.subscribe('weather', () => {})
      // @ts-expect-error of another shape
      rtms.topics.publish('stock.600519', { cost: 1 })
      // @ts-expect-error of another topic
      await client.publish('news', { price: 1 })
    })
  })

  it('types meetings by their kind', () => {
    compiles(async (client, rtms) => {
      const quiz = await client.join<'quiz'>('quiz-7')
      await quiz.send({ answer: 3 })
      quiz.onFrame((frame) =>
        expectTypeOf(frame).toEqualTypeOf<Frame<{ answer: number }, { question: string }>>(),
      )
      quiz.onMessage((message) => expectTypeOf(message).toEqualTypeOf<{ right: boolean }>())
      // @ts-expect-error of another kind
      await quiz.send({ move: 'e4' })
      // @ts-expect-error no such kind
      await client.join<'battle'>('battle-1')
      rtms.meetings.define('quiz', {
        onInput: ({ data, meeting, slot }) => {
          meeting.sendTo(slot, { right: data.answer === 4 })
          // @ts-expect-error of another shape
          meeting.sendTo(slot, 'right')
        },
        onFrame: ({ events }, meeting) => {
          for (const event of events)
            if (event.type === 'say') expectTypeOf(event.data).toEqualTypeOf<{ question: string }>()
          meeting.say({ question: 'which?' })
          // @ts-expect-error of another shape
          meeting.say({ right: true })
        },
        snapshot: () => ({ round: 1 }),
        restore: (state) => expectTypeOf(state).toEqualTypeOf<{ round: number } | null>(),
      })
      rtms.meetings.define('duel', {
        input: v.object({ move: v.string() }),
        onFrame: ({ inputs }) => inputs.map(({ data }) => data.move.length),
      })
      // @ts-expect-error the schema makes something else
      rtms.meetings.define('duel', { input: v.object({ move: v.number() }) })
      // @ts-expect-error no such kind
      rtms.meetings.define('battle', {})
    })
  })

  it('types the handles of meetings by their kind, and bots by its inputs', () => {
    compiles(async (_, rtms) => {
      const quiz = await rtms.meetings.open('quiz-7', { kind: 'quiz' })
      quiz.say({ question: 'which?' })
      quiz.sendTo(0, { right: true })
      quiz.addBot('robot').send({ answer: 4 })
      for (const { inputs } of quiz.history())
        expectTypeOf(inputs[0]?.data).toEqualTypeOf<{ answer: number } | undefined>()
      // @ts-expect-error of another kind
      quiz.addBot('robot').send({ move: 'e4' })
      // @ts-expect-error of another shape
      quiz.say('which?')
      // @ts-expect-error no such kind
      await rtms.meetings.open('quiz-8', { kind: 'quizz' })
      // @ts-expect-error no such kind
      await rtms.meetings.open({ kind: 'quizz' })
      const found = await rtms.meetings.find<'duel'>('duel-1')
      found?.addBot('robot').send({ move: 'e4' })
      // @ts-expect-error of another kind
      rtms.meetings.get<'duel'>('duel-1')?.addBot('robot').send({ answer: 4 })
      // Of any kind.
      rtms.meetings.get('m')?.say({ question: 'which?' })
      rtms.meetings.onMissing(() => ({ kind: 'duel' }))
      // @ts-expect-error no such kind
      rtms.meetings.onMissing(() => ({ kind: 'duell' }))
      await rtms.meetings.list({ kind: 'quiz' })
      // @ts-expect-error no such kind
      await rtms.meetings.list({ kind: 'quizz' })
    })
  })

  it('takes no hook that returns a promise, which nobody waits for', () => {
    compiles((_, rtms) => {
      rtms.meetings.define('duel', {
        // @ts-expect-error a promise
        onJoin: async () => true,
        // @ts-expect-error a promise
        onInput: async () => true,
        // @ts-expect-error a promise
        onFrame: async () => {},
        // Whatever else it returns.
        onLeave: ({ slot }) => new Map().set(slot, 1),
      })
    })
  })

  it('types handlers, with a schema and without one', () => {
    compiles((_, rtms) => {
      rtms.onRequest('order.place', ({ data }) => ({ id: data.symbol }))
      const order = v.object({ symbol: v.string(), quantity: v.number() })
      rtms.onRequest('order.place', order, async ({ data }) => ({ id: data.symbol }))
      // @ts-expect-error of another shape
      rtms.onRequest('order.place', () => 7)
      // @ts-expect-error the schema makes something else
      rtms.onRequest('order.place', v.object({ symbol: v.number() }), () => ({ id: '' }))
    })
  })

  it('may be given to what takes any client', () => {
    compiles((client) => client satisfies Client)
  })

  it('leaves open what it does not name', () => {
    compiles(async () => {
      const client = connect<{ pushes: { greeting: string } }>({ getTicket: () => ({}) as never })
      client.onPush('greeting', (text) => expectTypeOf(text).toEqualTypeOf<string>())
      expectTypeOf(await client.request<number>('anything', { at: 'all' })).toEqualTypeOf<number>()
      client.subscribe<Quote>('stock.1', ({ price }) => price)
    })
  })
})

describe('Without a contract', () => {
  it('a type is given where data comes in', () => {
    compiles(async () => {
      const client = connect({ getTicket: () => ({}) as never })
      const meeting = await client.join<{ hit: number }>('m')
      meeting.onFrame(({ inputs }) => inputs.map(({ data }) => data.hit.toFixed()))
      // @ts-expect-error of another shape
      await meeting.send({ miss: 1 })
      client.subscribe('stock.1', (data) => expectTypeOf(data).toEqualTypeOf<unknown>())
      client.onPush<string>('greeting', (text) => text.length)
      expectTypeOf(await client.request<Order>('order', 1)).toEqualTypeOf<Order>()
    })
  })

  it('the handle of a meeting takes anything, and its type may be named', () => {
    compiles(async () => {
      const rtms = await Rtms.start({ secret: '' })
      const quiz = await rtms.meetings.open('quiz-7', { kind: 'quiz' })
      quiz.say('anything')
      quiz.addBot('robot').send({ answer: 4 })
      const plain: ServerMeeting = quiz
      const narrow: ServerMeeting<string> = plain
      narrow.sendTo(0, 'text')
    })
  })

  it('a schema gives the type', () => {
    compiles(async () => {
      const rtms = await Rtms.start({ secret: '' })
      const order = v.object({ symbol: v.string(), size: v.pipe(v.string(), v.transform(Number)) })
      rtms.onRequest('order', order, ({ data }) =>
        expectTypeOf(data).toEqualTypeOf<{ symbol: string; size: number }>(),
      )
      rtms.onRequest('order', ({ data }) => expectTypeOf(data).toEqualTypeOf<unknown>())
      rtms.meetings.define('duel', {
        input: v.object({ move: v.string() }),
        onInput: ({ data }) => data.move !== 'cheat',
      })
      expectTypeOf<v.GenericSchema<unknown, number>>().toExtend<Schema<number>>()
    })
  })
})

describe('A contract of several parts', () => {
  interface Quiz {
    requests: { answer: { input: number; output: boolean } }
    meetings: { quiz: { input: { answer: number }; framed: { right: boolean } } }
  }
  interface Chat {
    requests: { history: { input: null; output: string[] } }
    meetings: { chat: { input: string } }
  }
  interface Both {
    requests: Quiz['requests'] & Chat['requests']
    meetings: Quiz['meetings'] & Chat['meetings']
  }

  it('is given to each module as its part, and not to one that wants what the node has not', () => {
    compiles(async () => {
      const startQuiz = (rtms: Rtms<Quiz>): void => {
        rtms.onRequest('answer', ({ data }) => data === 42)
        // @ts-expect-error of another part
        rtms.onRequest('history', () => [])
      }
      const rtms = await Rtms.start<Both>({ secret: '' })
      startQuiz(rtms.part<Quiz>())
      const chat = rtms.part<Chat>()
      // @ts-expect-error The contract of the node lacks it.
      chat.part<Quiz>()
      const showQuiz = (client: Client<Quiz>): Promise<boolean> => client.request('answer', 42)
      const client = connect<Both>({ getTicket: () => ({}) as never })
      await showQuiz(client.part<Quiz>())
      // @ts-expect-error The contract lacks it.
      client.part<Chat>().part<Quiz>()
    })
  })

  it('tells what frames hold where that is not what members send', () => {
    compiles(async () => {
      const rtms = await Rtms.start<Both>({ secret: '' })
      rtms.meetings.define('quiz', {
        onInput: ({ data }) => ({ right: data.answer === 42 }),
        onFrame: ({ inputs }) =>
          inputs.forEach(({ data }) => expectTypeOf(data.right).toEqualTypeOf<boolean>()),
      })
      // @ts-expect-error Frames hold something else.
      rtms.meetings.define('quiz', { onInput: ({ data }) => data })
      const meeting = await connect<Both>({ getTicket: () => ({}) as never }).join<'quiz'>('quiz-7')
      await meeting.send({ answer: 4 })
      meeting.onFrame(({ inputs }) => inputs.map(({ data }) => data.right))
      const chat = await connect<Both>({ getTicket: () => ({}) as never }).join<'chat'>('chat-7')
      chat.onFrame(({ inputs }) => inputs.map(({ data }) => data.length))
    })
  })
})
