import type { TopicLine } from '../node/answers.ts'
import { api } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { Problem } from '../parts/notice.tsx'
import { Search } from '../parts/search.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { addressOf } from '../route.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/rooms.ts'

const MOST = 500
/** The node looks at all of its topics for a page. */
const EVERY_MS = 4_000

const columns: readonly Column<TopicLine>[] = [
  {
    id: 'name',
    label: text.name,
    value: ({ name }) => name,
    cell: ({ name }) => <a href={addressOf({ view: 'topic', name })}>{name}</a>,
  },
  ...(
    [
      ['subscribers', text.subscribers, format.whole],
      ['publications', text.taken, format.whole],
      ['keys', text.keys, format.whole],
      ['kept', text.kept, format.whole],
      ['bytes', text.bytes, format.bytes],
    ] as const
  ).map(([id, label, show]) => ({
    id,
    label,
    value: (topic: TopicLine) => topic[id],
    cell: (topic: TopicLine) => show(topic[id]),
  })),
]

/** All topics, or those with something in their name; and a way to any, since one may be published to that is not there yet. */
export function Topics({ search }: { readonly search: string }) {
  const query = new URLSearchParams({ limit: String(MOST), ...(search === '' ? {} : { contains: search }) })
  const { data, error } = usePoll(
    () => api.get<{ topics: TopicLine[]; next: string | null }>(`/topics?${query}`),
    EVERY_MS,
    search,
  )
  return (
    <>
      <section class="card" aria-labelledby="list-title">
        <div class="row">
          <h1 id="list-title" class="grow">
            {common.views.topics}
          </h1>
          <Search value={search} search={(q) => (location.hash = addressOf({ view: 'topics', search: q }))} />
        </div>
        {error !== null && error.code !== 'AWAY' && <Problem error={error} />}
        {data === null ? (
          <p class="empty">{common.loading}</p>
        ) : (
          <Table
            label={common.views.topics}
            columns={columns}
            rows={data.topics}
            keyOf={({ name }) => name}
            empty={search === '' ? text.noTopics : common.nothing(search)}
          />
        )}
        {data !== null && data.next !== null && <p class="hint">{common.more(MOST)}</p>}
      </section>
      <form
        class="card inline"
        onSubmit={(event) => {
          event.preventDefault()
          const name = new FormData(event.currentTarget).get('name')
          if (typeof name === 'string') location.hash = addressOf({ view: 'topic', name: name.trim() })
        }}
      >
        <label>
          {text.go}
          <input
            name="name"
            required
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            maxLength={255}
          />
        </label>
        <button type="submit" class="quiet">
          {text.goButton}
        </button>
      </form>
    </>
  )
}
