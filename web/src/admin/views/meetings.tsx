import type { MeetingLine } from '../node/answers.ts'
import { api } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { inOneLine } from '../numbers/value.ts'
import { Problem } from '../parts/notice.tsx'
import { Search } from '../parts/search.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { addressOf } from '../route.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/rooms.ts'

/** What the node is asked for at once. */
const MOST = 500
const EVERY_MS = 2_000

const columns: readonly Column<MeetingLine>[] = [
  {
    id: 'name',
    label: text.name,
    value: ({ name }) => name,
    cell: ({ name }) => <a href={addressOf({ view: 'meeting', name })}>{name}</a>,
  },
  { id: 'kind', label: text.kind, value: ({ kind }) => kind, cell: ({ kind }) => kind || '–' },
  {
    id: 'members',
    label: text.members,
    value: ({ members }) => members,
    cell: ({ members, capacity }) => `${members} / ${capacity}`,
  },
  {
    id: 'spectators',
    label: text.spectators,
    value: ({ spectators }) => spectators,
    cell: ({ spectators }) => format.whole(spectators),
  },
  {
    id: 'rate',
    label: text.rate,
    value: ({ frameRate }) => frameRate,
    cell: ({ frameRate }) => (frameRate === 0 ? text.noRate : frameRate),
  },
  { id: 'frame', label: text.frame, value: ({ frame }) => frame, cell: ({ frame }) => format.whole(frame) },
  {
    id: 'metadata',
    label: text.metadata,
    cell: ({ metadata }) =>
      Object.keys(metadata).length === 0 ? '–' : <code>{inOneLine(metadata, 60)}</code>,
  },
]

/** All meetings, or those with something in their name. */
export function Meetings({ search }: { readonly search: string }) {
  const query = new URLSearchParams({ limit: String(MOST), ...(search === '' ? {} : { contains: search }) })
  const { data, error } = usePoll(
    () => api.get<{ meetings: MeetingLine[]; next: string | null }>(`/meetings?${query}`),
    EVERY_MS,
    search,
  )
  return (
    <section class="card" aria-labelledby="list-title">
      <div class="row">
        <h1 id="list-title" class="grow">
          {common.views.meetings}
        </h1>
        <Search value={search} search={(q) => (location.hash = addressOf({ view: 'meetings', search: q }))} />
      </div>
      {error !== null && error.code !== 'AWAY' && <Problem error={error} />}
      {data === null ? (
        <p class="empty">{common.loading}</p>
      ) : (
        <Table
          label={common.views.meetings}
          columns={columns}
          rows={data.meetings}
          keyOf={({ name }) => name}
          empty={search === '' ? text.noMeetings : common.nothing(search)}
        />
      )}
      {data !== null && data.next !== null && <p class="hint">{common.more(MOST)}</p>}
    </section>
  )
}
