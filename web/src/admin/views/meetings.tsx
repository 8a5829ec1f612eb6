import type { MeetingLine, OfAll } from '../node/answers.ts'
import { api } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { inOneLine } from '../numbers/value.ts'
import { ListCard } from '../parts/list-card.tsx'
import { type Column, nodeColumn } from '../parts/table.tsx'
import { addressOf } from '../route.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/rooms.ts'

/** What the node is asked for at once. */
const MOST = 500
const EVERY_MS = 2_000

const nameColumn: Column<MeetingLine> = {
  id: 'name',
  label: text.name,
  value: ({ name }) => name,
  cell: ({ name }) => <a href={addressOf({ view: 'meeting', name })}>{name}</a>,
}

const columns: readonly Column<MeetingLine>[] = [
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
    () => api.get<{ meetings: MeetingLine[]; next: string | null } & OfAll>(`/meetings?${query}`),
    EVERY_MS,
    search,
  )
  return (
    <ListCard
      route={{ view: 'meetings', search }}
      polled={{ data: data?.meetings ?? null, error }}
      columns={[nameColumn, ...nodeColumn<MeetingLine>(), ...columns]}
      keyOf={({ name }) => name}
      empty={search === '' ? text.noMeetings : common.nothing(search)}
      missing={data?.missing}
      more={(data?.next ?? null) === null ? null : common.more(MOST)}
    />
  )
}
