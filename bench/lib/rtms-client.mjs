import { Sink } from './websocket.mjs'

/** Speaks rtms.v1 over a sink: hello, calls, acks and pongs as the real client sends them. */
export class RtmsSink {
  /** @type {(message: any, time: number) => void} */
  onMessage = () => {}
  /** @type {(why: string) => void} */
  onEnd = () => {}
  /**
   * Sees a packet before it is decoded; returns whether it has dealt with it.
   *
   * @type {(buffer: Buffer, start: number, end: number) => boolean}
   */
  onPacket = () => false
  sink
  window = 0
  /** Bytes of packets of this connection, as the last ack told. */
  acknowledged = 0
  #codec
  #consumed = 0
  #call = 0
  #received = 0

  constructor(codec, where) {
    this.#codec = codec
    this.sink = new Sink({ ...where, protocol: codec.subprotocol })
  }

  /**
   * Resolves with the welcome.
   *
   * @param {string} token
   * @param {number} window
   * @param {string} [session] to go on with
   */
  async open(token, window, session = '') {
    await this.sink.upgraded
    this.sink.onMessage = (buffer, start, end) => this.#receive(buffer, start, end)
    this.sink.onEnd = (why) => this.onEnd(why)
    const welcome = this.next('welcome')
    this.send({
      type: 'hello',
      version: 1,
      features: 0,
      client: 'bench',
      token,
      session,
      received: 0,
      window,
      moves: 0,
    })
    const welcomed = await welcome
    this.window = welcomed.window
    return welcomed
  }

  /** The next message of this type; rejects at a refusal and at the end of the connection. */
  next(type) {
    return new Promise((resolve, reject) => {
      const { onMessage, onEnd } = this
      this.onEnd = (why) => reject(new Error(why))
      this.onMessage = (message) => {
        if (message.type === 'failed' || message.type === 'goodbye') {
          reject(new Error(JSON.stringify(message)))
        }
        if (message.type !== type) return
        this.onMessage = onMessage
        this.onEnd = onEnd
        resolve(message)
      }
    })
  }

  /** A call and its answer. */
  call(message, answer) {
    const answered = this.next(answer)
    this.send({ ...message, call: ++this.#call })
    return answered
  }

  send(...messages) {
    this.sink.sendBinary(this.#codec.encode(messages))
  }

  #receive(buffer, start, end) {
    this.#consumed += end - start
    if (!this.onPacket(buffer, start, end)) {
      const messages = this.#codec.decode(buffer.subarray(start, end), 'server')
      for (const message of messages) {
        if (message.type === 'ping') this.#pong(message)
        else {
          if (SESSION_LOG.has(message.type)) this.#received++
          this.onMessage(message)
        }
      }
    }
    if (this.window > 0 && this.#consumed - this.acknowledged >= this.window / 4) {
      this.acknowledged = this.#consumed
      this.send({ type: 'ack', bytes: this.#consumed, received: this.#received, seen: [] })
    }
  }

  #pong({ time }) {
    this.send({ type: 'pong', echo: time, time: 0, lateness: 0 })
  }
}

/** Messages that are entries of the session log, which acks count. */
const SESSION_LOG = new Set([
  'joined',
  'subscribed',
  'done',
  'failed',
  'reply',
  'nack',
  'push',
  'direct',
  'ended',
])

/** A topic of a SUBSCRIBE, from now on. */
export const wish = (topic) => ({
  topic,
  since: { epoch: 0, at: 0, numbers: [] },
  history: 0,
  conflate: false,
  maxHz: 0,
  policy: 0,
  keys: [],
})

export const subscription = (topic) => ({ type: 'subscribe', topics: [wish(topic)] })

export const membership = (meeting) => ({
  type: 'join',
  meeting,
  spectator: false,
  config: '',
  world: 0,
  next: 0,
  former: '',
  held: [],
})
