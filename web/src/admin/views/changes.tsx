import { useEffect, useRef, useState } from 'preact/hooks'
import { Feed } from '../follow/feed.ts'
import { FeedList } from '../follow/feed-list.tsx'
import type { Session } from '../node/answers.ts'
import { type Change, changes } from '../numbers/sessions.ts'
import { format } from '../words/common.ts'
import { text } from '../words/people.ts'
import { text as rooms } from '../words/rooms.ts'

function told(change: Change): string {
  if ('count' in change) return text.events[change.type](change.count)
  return 'name' in change ? text.events[change.type](change.name) : text.events[change.type]
}

/** What changes in the sessions of a user from one look to the next. */
export function Changes({ sessions }: { readonly sessions: readonly Session[] | null }) {
  const [feed] = useState(() => new Feed((count) => rooms.skipped(format.whole(count))))
  const before = useRef<readonly Session[] | null>(null)
  const [, draw] = useState(0)
  useEffect(() => {
    if (sessions === null) return
    const found = before.current === null ? [] : changes(before.current, sessions)
    before.current = sessions
    const at = format.clock(Date.now())
    for (const change of found)
      feed.add({ kind: 'event', at, who: '', text: told(change) }, performance.now())
    if (found.length > 0) draw((n) => n + 1)
  }, [sessions])
  return (
    <section class="card follow" aria-labelledby="changes-title">
      <div>
        <h2 id="changes-title">{text.changes}</h2>
        <p class="hint">{text.changesHint}</p>
      </div>
      <FeedList label={text.changes} feed={feed} empty={text.noChanges} />
    </section>
  )
}
