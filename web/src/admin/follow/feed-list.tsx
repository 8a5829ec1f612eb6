import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { format } from '../words/common.ts'
import { text } from '../words/rooms.ts'
import type { Feed } from './feed.ts'
import type { Follow } from './follow.ts'

const REDRAW_MS = 150

/** The lines of a feed, the newest on top. */
export function FeedList({
  label,
  feed,
  empty,
}: {
  readonly label: string
  readonly feed: Feed
  readonly empty: string
}) {
  if (feed.lines.length === 0) return <p class="empty">{empty}</p>
  return (
    <ol class="feed" aria-label={label} tabIndex={0}>
      {feed.lines.map(({ id, kind, at, who, text }) => (
        <li key={id} class={kind}>
          <span class="when">{at}</span>
          <b>{who}</b>
          <span class="what">{text}</span>
        </li>
      ))}
    </ol>
  )
}

/** Follows something when asked to, and shows what happens. */
export function FollowPanel<T extends Follow>({
  title,
  hint,
  begin,
  extra,
}: {
  readonly title: string
  readonly hint?: string
  readonly begin: (changed: () => void) => T
  readonly extra?: (follow: T) => ComponentChildren
}) {
  const [follow, setFollow] = useState<T | null>(null)
  const [, draw] = useState(0)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const changed = (): void => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      draw((n) => n + 1)
    }, REDRAW_MS)
  }
  useEffect(() => {
    if (follow === null) return undefined
    // Tells what was left out, though nothing comes any more.
    const tick = setInterval(() => {
      follow.feed.tick(performance.now())
      draw((n) => n + 1)
    }, 1_000)
    return () => {
      clearInterval(tick)
      clearTimeout(timer.current)
      timer.current = undefined
      follow.stop()
    }
  }, [follow])
  return (
    <section class="card follow" aria-label={title}>
      <div class="row">
        <div class="grow">
          <h2>{title}</h2>
          {hint !== undefined && <p class="hint">{hint}</p>}
        </div>
        {follow === null ? (
          <button type="button" onClick={() => setFollow(begin(changed))}>
            {text.follow}
          </button>
        ) : (
          <button type="button" class="quiet" onClick={() => setFollow(null)}>
            {text.stop}
          </button>
        )}
      </div>
      {follow !== null && (
        <>
          <div class="row">
            <span class="badge" role="status" data-state={follow.state}>
              {text.states[follow.state]}
            </span>
            <span class="hint grow">
              {text.feed(format.whole(follow.feed.seen))}
              {follow.feed.held > 0 && ` · ${text.held(format.whole(follow.feed.held))}`}
            </span>
            {extra?.(follow)}
            <button
              type="button"
              class="quiet small"
              aria-pressed={follow.feed.isPaused}
              onClick={() => follow.pause(!follow.feed.isPaused)}
            >
              {follow.feed.isPaused ? text.goOn : text.pause}
            </button>
          </div>
          {follow.problem !== null && (
            <p class="problem" role="alert">
              {follow.problem}
            </p>
          )}
          <FeedList label={title} feed={follow.feed} empty={text.waiting} />
        </>
      )}
    </section>
  )
}
