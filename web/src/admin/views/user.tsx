import type { Cursor, OfAll, Session } from '../node/answers.ts'
import { api, otherNodes } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { behind, hasFallenOff } from '../numbers/sessions.ts'
import { Back } from '../parts/back.tsx'
import { Facts } from '../parts/facts.tsx'
import { Problem } from '../parts/notice.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { addressOf } from '../route.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/people.ts'
import { Changes } from './changes.tsx'
import { Push } from './push.tsx'
import { Restrain } from './restrain.tsx'
import { Unacknowledged } from './unacknowledged.tsx'

const EVERY_MS = 1_000
const MOST = 20

const columns: readonly Column<Cursor>[] = [
  {
    id: 'name',
    label: text.of,
    value: ({ name }) => name,
    cell: ({ of, name }) => (
      <>
        <a href={addressOf({ view: of, name })}>{name}</a> <span class="hint">{text[of]}</span>
      </>
    ),
  },
  {
    id: 'behind',
    label: `${text.behind} (${text.behindHint})`,
    value: behind,
    cell: (cursor) =>
      hasFallenOff(cursor) ? <b class="down">{text.tooSlow}</b> : format.whole(behind(cursor)),
  },
  {
    id: 'position',
    label: text.position,
    value: ({ position }) => position,
    cell: ({ position }) => format.whole(position),
  },
  {
    id: 'kept',
    label: text.keptRange,
    cell: ({ first, next }) => (next > first ? `${format.whole(first)}–${format.whole(next - 1)}` : '–'),
  },
]

/** One user, looked at every second: its sessions, where they stand, and the hands on them. */
export function User({ name }: { readonly name: string }) {
  const query = new URLSearchParams({ user: name, limit: String(MOST) })
  const { data, error, again } = usePoll(
    () => api.get<{ sessions: Session[] } & OfAll>(`/sessions?${query}`),
    EVERY_MS,
    name,
  )
  const sessions = data?.sessions ?? []
  const connected = sessions.filter((session) => session.connected).length
  return (
    <>
      <Back to={addressOf({ view: 'sessions', search: '' })} label={common.views.sessions} />
      <section class="card" aria-labelledby="title">
        <div>
          <h1 id="title">{name}</h1>
          {data !== null && (
            <p class="hint">
              {sessions.length === 0 ? text.noneOf(name) : text.presence(sessions.length, connected)}
            </p>
          )}
        </div>
        {error !== null && error.code !== 'AWAY' && <Problem error={error} />}
        {(data?.missing.length ?? 0) > 0 && (
          <p class="problem">{common.missing(data?.missing.join(', ') ?? '')}</p>
        )}
        {data === null && error === null && <p class="empty">{common.loading}</p>}
        {sessions.map((session, at) => (
          <OneSession key={at} session={session} number={at + 1} />
        ))}
      </section>
      <div class="halves">
        <Changes key={name} sessions={data === null ? null : sessions} />
        <div class="stack">
          <Push key={name} user={name} />
          <Restrain user={name} done={again} />
        </div>
      </div>
    </>
  )
}

function OneSession({ session, number }: { readonly session: Session; readonly number: number }) {
  const { node, connected, meetings, subscriptions, requests, waiting, cursors } = session
  return (
    <article class="session" aria-label={text.session(number)}>
      <div class="row">
        <h2>{text.session(number)}</h2>
        {otherNodes() > 0 && <b class="name">{node}</b>}
        <span class={`badge ${connected ? 'good' : 'warn'}`}>{connected ? text.connected : text.gone}</span>
        <span class="hint grow">
          {meetings.map(({ name, slot }) => `${name} (${text.slot(slot)})`).join(', ')}
        </span>
        {connected && <Unacknowledged session={session} />}
      </div>
      <Facts
        facts={[
          [text.topics, format.whole(subscriptions)],
          [text.requests, format.whole(requests)],
          [
            text.waiting,
            waiting.messages === 0
              ? '0'
              : text.waitingValue(format.whole(waiting.messages), format.bytes(waiting.bytes)),
          ],
        ]}
      />
      <Table
        label={`${text.session(number)}: ${text.cursors}`}
        columns={columns}
        rows={cursors}
        keyOf={({ of, name }) => `${of} ${name}`}
        empty={text.noCursors}
      />
    </article>
  )
}
