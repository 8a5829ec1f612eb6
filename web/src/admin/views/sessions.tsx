import { SELF } from '../follow/follow.ts'
import type { OfAll, Session } from '../node/answers.ts'
import { api } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { mostBehind } from '../numbers/sessions.ts'
import { ListCard } from '../parts/list-card.tsx'
import { type Column, nodeColumn } from '../parts/table.tsx'
import { addressOf } from '../route.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/people.ts'
import { Unacknowledged } from './unacknowledged.tsx'

const MOST = 500
const EVERY_MS = 2_000

const userColumn: Column<Session> = {
  id: 'user',
  label: common.user,
  value: ({ user }) => user,
  cell: ({ user }) => (
    <>
      <a href={addressOf({ view: 'user', name: user })}>{user}</a>
      {user === SELF && <span class="hint"> ({text.self})</span>}
    </>
  ),
}

const columns: readonly Column<Session>[] = [
  {
    id: 'state',
    label: text.state,
    value: ({ connected }) => String(connected),
    cell: ({ connected }) => (
      <span class={`badge ${connected ? 'good' : 'warn'}`}>{connected ? text.connected : text.gone}</span>
    ),
  },
  {
    id: 'meetings',
    label: text.meetings,
    value: ({ meetings }) => meetings.length,
    cell: ({ meetings }) => meetings.length,
  },
  {
    id: 'topics',
    label: text.topics,
    value: ({ subscriptions }) => subscriptions,
    cell: ({ subscriptions }) => format.whole(subscriptions),
  },
  {
    id: 'behind',
    label: text.behind,
    value: mostBehind,
    cell: (session) => format.whole(mostBehind(session)),
  },
  {
    id: 'waiting',
    label: text.waiting,
    value: ({ waiting }) => waiting.bytes,
    cell: ({ waiting }) =>
      waiting.messages === 0
        ? '0'
        : text.waitingValue(format.whole(waiting.messages), format.bytes(waiting.bytes)),
  },
  {
    id: 'unacknowledged',
    label: text.unacknowledged,
    value: ({ unacknowledgedBytes }) => unacknowledgedBytes,
    cell: (session) => <Unacknowledged session={session} />,
  },
  {
    id: 'requests',
    label: text.requests,
    value: ({ requests }) => requests,
    cell: ({ requests }) => format.whole(requests),
  },
]

/** The sessions of all nodes, those in need first where they are sorted so. */
export function Sessions({ search }: { readonly search: string }) {
  const query = new URLSearchParams({ limit: String(MOST), ...(search === '' ? {} : { user: search }) })
  const { data, error } = usePoll(
    () => api.get<{ sessions: Session[] } & OfAll>(`/sessions?${query}`),
    EVERY_MS,
    search,
  )
  return (
    <ListCard
      route={{ view: 'sessions', search }}
      searchLabel={text.search}
      polled={{ data: data?.sessions ?? null, error }}
      columns={[userColumn, ...nodeColumn<Session>(), ...columns]}
      keyOf={({ user }, at) => `${user} ${at}`}
      empty={search === '' ? text.none : text.noneOf(search)}
      missing={data?.missing}
      more={data?.sessions.length === MOST ? text.first(MOST) : null}
    />
  )
}
