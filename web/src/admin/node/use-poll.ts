import { useEffect, useRef, useState } from 'preact/hooks'
import { CallError } from './api.ts'

export interface Polled<T> {
  /** What was answered last; it stays while the node is away. */
  readonly data: T | null
  /** Why the last call failed; null where it did not. */
  readonly error: CallError | null
  /** Asks at once. */
  readonly again: () => void
}

/** Asks every `everyMs` milliseconds while it is shown. Where `key` changes it begins anew. */
export function usePoll<T>(load: () => Promise<T>, everyMs: number, key: string): Polled<T> {
  const [seen, see] = useState<{ readonly key: string; data: T | null; error: CallError | null }>({
    key,
    data: null,
    error: null,
  })
  const ask = useRef<() => void>(() => {})
  const latest = useRef(load)
  latest.current = load
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let isOver = false
    let turn = 0
    const run = async (): Promise<void> => {
      clearTimeout(timer)
      const mine = ++turn
      const next = await latest.current().then(
        (data) => ({ key, data, error: null }),
        (error: unknown) => ({ error: error instanceof CallError ? error : new CallError('PAGE') }),
      )
      if (isOver || mine !== turn) return
      see((before) => ({ key, data: before.key === key ? before.data : null, ...next }))
      timer = setTimeout(() => void run(), document.hidden ? everyMs * 5 : everyMs)
    }
    ask.current = () => void run()
    void run()
    return () => {
      isOver = true
      clearTimeout(timer)
    }
  }, [key, everyMs])
  const mine = seen.key === key ? seen : { data: null, error: null }
  return { ...mine, again: () => ask.current() }
}
