import type { OfAll, TopicLine } from '../node/answers.ts'
import { api } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { ListCard } from '../parts/list-card.tsx'
import type { Column } from '../parts/table.tsx'
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

/**
 * All topics, or those with something in their name; and a way to any, since one may be published to that is not there
 * yet.
 */
export function Topics({ search }: { readonly search: string }) {
  const query = new URLSearchParams({ limit: String(MOST), ...(search === '' ? {} : { contains: search }) })
  const { data, error } = usePoll(
    () => api.get<{ topics: TopicLine[]; next: string | null } & OfAll>(`/topics?${query}`),
    EVERY_MS,
    search,
  )
  return (
    <>
      <ListCard
        route={{ view: 'topics', search }}
        polled={{ data: data?.topics ?? null, error }}
        columns={columns}
        keyOf={({ name }) => name}
        empty={search === '' ? text.noTopics : common.nothing(search)}
        missing={data?.missing}
        more={(data?.next ?? null) === null ? null : common.more(MOST)}
      />
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
