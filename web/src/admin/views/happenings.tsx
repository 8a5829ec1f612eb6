import { useEffect, useRef, useState } from 'preact/hooks'
import { Feed } from '../follow/feed.ts'
import { FeedList } from '../follow/feed-list.tsx'
import type { ClusterAnswer, SuccessionsAnswer } from '../node/answers.ts'
import { api } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { type Flight, type Happening, Happenings, type SeenNode } from '../numbers/happenings.ts'
import { format } from '../words/common.ts'
import { text } from '../words/cluster.ts'
import { text as rooms } from '../words/rooms.ts'

const EVERY_MS = 500
/** What is asked for at first, and by how much it overlaps with what was told before. */
const FIRST_MS = 600_000
const OVERLAP_MS = 2_000

/** What the view of the cluster knows besides the last answer. */
interface Watched {
  readonly feed: Feed
  readonly nodes: readonly SeenNode[]
  readonly flights: readonly Flight[]
}

/** Watches what happens in the cluster, while it is shown. */
export function useHappenings(data: ClusterAnswer | null): Watched {
  const [feed] = useState(() => new Feed((count) => rooms.skipped(format.whole(count))))
  const [happenings] = useState(() => new Happenings())
  const [, draw] = useState(0)
  const answeredAt = useRef(performance.now() - FIRST_MS)
  const told = usePoll(
    async () => {
      const at = performance.now()
      const withinMs = Math.min(FIRST_MS, Math.round(at - answeredAt.current) + OVERLAP_MS)
      const answer = await api.get<SuccessionsAnswer>(`/successions?withinMs=${withinMs}`)
      answeredAt.current = at
      return answer.successions
    },
    EVERY_MS,
    '',
  )
  const note = (found: readonly Happening[]): void => {
    for (const happening of found) feed.add({ kind: 'event', ...lineOf(happening) }, performance.now())
    draw((n) => n + 1)
  }
  if (data !== null) {
    // Drawn at once, so that no node is missing from the picture in between.
    const found = happenings.see(data, performance.now())
    if (found.length > 0) queueMicrotask(() => note(found))
  }
  useEffect(() => {
    if (told.data !== null) note(happenings.succeed(told.data, performance.now()))
  }, [told.data])
  const now = performance.now()
  return { feed, nodes: happenings.nodes(now), flights: happenings.flights(now) }
}

function lineOf(happening: Happening): { readonly at: string; readonly who: string; readonly text: string } {
  if ('node' in happening) {
    const { type, node } = happening
    return { at: format.clock(Date.now()), who: node, text: text.happened[type] }
  }
  const { type, meeting, from, to, frame, count, agoMs } = happening
  return {
    at: format.clock(Date.now() - agoMs),
    who: count === 1 ? meeting : text.meetingsOf(format.whole(count)),
    text: text.succeeded[type](from === '' ? text.former : from, to, format.whole(frame)),
  }
}

/** The log of what happens. */
export function Log({ feed }: { readonly feed: Feed }) {
  return (
    <section class="card follow" aria-labelledby="log-title">
      <div>
        <h2 id="log-title">{text.log}</h2>
        <p class="hint">{text.logHint}</p>
      </div>
      <FeedList label={text.log} feed={feed} empty={text.logEmpty} />
    </section>
  )
}
