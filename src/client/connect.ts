import { type Contract, RtmsError } from '../protocol/index.ts'
import { Client } from './client.ts'
import { Mistake, tellMistakes } from './development.ts'
import type { ConnectOptions, Socket } from './options.ts'
import type { Outside } from './outside.ts'

/** Globals of every browser and of Node, which some runtimes lack. */
const NEEDED = ['TextEncoder', 'TextDecoder', 'queueMicrotask', 'performance', 'WebSocket']

const MOST_TIMER_MS = 2 ** 31 - 1

/** Reports an error that has no listener to the runtime. */
export function report(error: unknown): void {
  setTimeout(() => {
    throw error
  })
}

/** When the page becomes visible, leaves the cache or regains the network, the connection is probed at once. */
function watchPage(probe: () => void, suspend: () => void): () => void {
  if (typeof document === 'undefined') return () => {}
  const end = new AbortController()
  const until = { signal: end.signal }
  let isLeaving = false
  const back = (): void => {
    isLeaving = false
    probe()
  }
  // The node sees a closed tab at once. A page that is reloaded or comes back from the cache keeps its session and
  // its seats. The application may leave a meeting or close the client in its own `pagehide` listener: the browser
  // reports the page as hidden right after those listeners have run. If the page was hidden before, the browser
  // closes its socket.
  addEventListener('pagehide', () => (isLeaving = true), until)
  document.addEventListener(
    'visibilitychange',
    () => {
      if (!document.hidden) back()
      else if (isLeaving) suspend()
    },
    until,
  )
  addEventListener('pageshow', back, until)
  addEventListener('online', back, until)
  return () => end.abort()
}

const runtime: Outside = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  random: () => Math.random(),
  at: (time, action) => {
    const timer = setTimeout(action, Math.min(Math.max(time - performance.now(), 0), MOST_TIMER_MS))
    return () => clearTimeout(timer)
  },
  socket: (url, protocols) => new WebSocket(url, protocols) as unknown as Socket,
  report,
  watch: watchPage,
}

/**
 * Connects to RTMS and stays connected; see {@link ConnectOptions}. Returns at once; calls made before the first
 * connection wait for it. `C` is the type of what your business and its clients say to each other.
 */
export function connect<C extends Contract = Contract>(options: ConnectOptions): Client<C> {
  // Where it renders a page, a server may have no WebSocket and need none.
  const needsSocket = !options.socket && options.autoConnect !== false
  const missing = NEEDED.filter((name) => !(name in globalThis) && (name !== 'WebSocket' || needsSocket))
  if (missing[0]) throw new RtmsError('UNSUPPORTED', `rtms/client needs ${missing.join()}`)
  const client = new Client<C>(options, runtime)
  // Bundlers put the value in. A page without a bundler has no `process`.
  try {
    if (process.env['NODE_ENV'] !== 'production')
      tellMistakes(client as unknown as Client, options, runtime.now)
  } catch (error) {
    // Else it is not known that this is development.
    if (error instanceof Mistake || error instanceof RangeError) throw error
  }
  return client
}
