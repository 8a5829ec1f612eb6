import { FollowPanel } from '../follow/feed-list.tsx'
import { TopicFollow } from '../follow/follow.ts'
import type { Kept, TopicDetail } from '../node/answers.ts'
import { inPath } from '../node/api.ts'
import { api } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { fromBase64, inOneLine } from '../numbers/value.ts'
import { Back } from '../parts/back.tsx'
import { Facts } from '../parts/facts.tsx'
import { Problem } from '../parts/notice.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { addressOf } from '../route.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/rooms.ts'
import { Publish } from './publish.tsx'

const EVERY_MS = 2_000
const LATEST = 200

const columns: readonly Column<Kept>[] = [
  { id: 'key', label: text.key, value: ({ key }) => key, cell: ({ key }) => key || text.noKey },
  {
    id: 'value',
    label: text.value,
    cell: ({ data, base64 }) => (
      <code class="value">{inOneLine(base64 === undefined ? data : fromBase64(base64))}</code>
    ),
  },
  {
    id: 'time',
    label: text.at,
    value: ({ time }) => time,
    cell: ({ time }) => <time>{format.clock(time)}</time>,
  },
]

/** One topic: who reads it, what it keeps, what is published, and a way to publish. */
export function Topic({ name }: { readonly name: string }) {
  const { data, error, again } = usePoll(
    () => api.get<TopicDetail>(`/topics/${inPath(name)}?latest=${LATEST}`),
    EVERY_MS,
    name,
  )
  return (
    <>
      <Back to={addressOf({ view: 'topics', search: '' })} label={common.views.topics} />
      <section class="card" aria-labelledby="title">
        <h1 id="title">{name}</h1>
        {error !== null && error.code !== 'AWAY' && <Problem error={error} />}
        {data === null ? error === null && <p class="empty">{common.loading}</p> : <About topic={data} />}
      </section>
      <div class="halves">
        <FollowPanel
          key={name}
          title={text.publications}
          begin={(changed) => new TopicFollow(name, changed)}
        />
        <Publish key={name} topic={name} published={again} />
      </div>
      <section class="card" aria-labelledby="latest-title">
        <div>
          <h2 id="latest-title">{text.latest}</h2>
          <p class="hint">{text.latestHint(LATEST)}</p>
        </div>
        <Table
          label={text.latest}
          columns={columns}
          rows={data?.latest.toReversed() ?? []}
          keyOf={({ key }) => key}
          empty={text.noLatest}
        />
      </section>
    </>
  )
}

function About({ topic: { subscribers, publications, keys, kept, bytes } }: { readonly topic: TopicDetail }) {
  return (
    <>
      <Facts
        facts={[
          [text.subscribers, format.whole(subscribers)],
          [text.taken, format.whole(publications)],
          [text.keys, format.whole(keys)],
          [text.kept, format.whole(kept)],
          [text.bytes, format.bytes(bytes)],
        ]}
      />
      {subscribers + publications === 0 && <p class="hint">{text.unheard}</p>}
    </>
  )
}
