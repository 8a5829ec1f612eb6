import { useState } from 'preact/hooks'
import { FollowPanel } from '../follow/feed-list.tsx'
import { MeetingFollow } from '../follow/follow.ts'
import type { MeetingDetail, Member } from '../node/answers.ts'
import { inPath } from '../node/api.ts'
import { api, otherNodes } from '../node/node.ts'
import { usePoll } from '../node/use-poll.ts'
import { Back } from '../parts/back.tsx'
import { Confirm, type Question } from '../parts/confirm.tsx'
import { Facts } from '../parts/facts.tsx'
import { Notice, Problem, useAction } from '../parts/notice.tsx'
import { Table } from '../parts/table.tsx'
import { addressOf } from '../route.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/rooms.ts'

const EVERY_MS = 1_000

/** One meeting: who is in it, what happens in it, and the hands on it. */
export function Meeting({ name }: { readonly name: string }) {
  const at = `/meetings/${inPath(name)}`
  const { data, error, again } = usePoll(() => api.get<MeetingDetail>(at), EVERY_MS, name)
  const [question, ask] = useState<Question | null>(null)
  const { outcome, isBusy, run } = useAction()
  const isGone = error?.code === 'NOT_FOUND'

  const kick = ({ slot, user }: Member): void =>
    ask({
      title: text.kickTitle(user, slot),
      consequence: text.kickConsequence,
      yes: text.kick,
      run: () =>
        void run(async () => {
          const { kicked } = await api.post<{ kicked: boolean }>(`${at}/kick`, { slot })
          return kicked ? text.kicked(user) : text.wasEmpty
        }).then(again),
    })
  const close = ({ members, spectators }: MeetingDetail): void =>
    ask({
      title: text.closeTitle(name),
      consequence: text.closeConsequence(members.length, spectators),
      yes: text.close,
      run: () =>
        void run(async () => {
          const { closed } = await api.delete<{ closed: boolean }>(at)
          return closed ? text.closed : text.wasClosed
        }).then(again),
    })

  return (
    <>
      <Back to={addressOf({ view: 'meetings', search: '' })} label={common.views.meetings} />
      <section class="card" aria-labelledby="title">
        <div class="row">
          <h1 id="title" class="grow">
            {name}
          </h1>
          {otherNodes() > 0 && !isGone && (
            <a href={addressOf({ view: 'cluster', search: name })}>{text.where}</a>
          )}
          {data !== null && !isGone && (
            <button type="button" class="danger" disabled={isBusy} onClick={() => close(data)}>
              {text.close}
            </button>
          )}
        </div>
        <Notice outcome={outcome} />
        {isGone && <p class="problem">{text.gone}</p>}
        {error !== null && !isGone && error.code !== 'AWAY' && <Problem error={error} />}
        {data === null ? !isGone && <p class="empty">{common.loading}</p> : <About meeting={data} />}
      </section>
      <div class="halves">
        <section class="card" aria-labelledby="members-title">
          <h2 id="members-title">{text.members}</h2>
          <Table
            label={text.members}
            rows={isGone ? [] : (data?.members ?? [])}
            keyOf={({ slot }) => slot}
            empty={text.nobody}
            columns={[
              { id: 'slot', label: text.slot, value: ({ slot }) => slot, cell: ({ slot }) => slot },
              {
                id: 'user',
                label: common.user,
                value: ({ user }) => user,
                cell: ({ user, bot }) =>
                  bot ? user : <a href={addressOf({ view: 'user', name: user })}>{user}</a>,
              },
              { id: 'state', label: text.state, cell: (member) => <Presence member={member} /> },
              {
                id: 'kick',
                label: text.kick,
                cell: (member) => (
                  <button
                    type="button"
                    class="quiet small"
                    disabled={isBusy}
                    aria-label={text.kickLabel(member.user)}
                    onClick={() => kick(member)}
                  >
                    {text.kick}
                  </button>
                ),
              },
            ]}
          />
        </section>
        <FollowPanel
          key={name}
          title={text.frames}
          hint={text.framesHint}
          begin={(changed) => new MeetingFollow(name, changed)}
          extra={(follow) => (
            <label class="check">
              <input
                type="checkbox"
                checked={follow.withEmpty}
                onChange={(event) => (follow.withEmpty = event.currentTarget.checked)}
              />
              {text.empty}
            </label>
          )}
        />
      </div>
      <Confirm question={question} done={() => ask(null)} />
    </>
  )
}

function Presence({ member: { away, bot } }: { readonly member: Member }) {
  if (bot) return <span class="badge">{text.bot}</span>
  return <span class={`badge ${away ? 'warn' : 'good'}`}>{away ? text.isAway : text.here}</span>
}

function About({ meeting }: { readonly meeting: MeetingDetail }) {
  const { kind, members, capacity, spectators, frameRate, frame, metadata } = meeting
  return (
    <>
      <Facts
        facts={[
          [text.frame, format.whole(frame)],
          [text.rate, frameRate === 0 ? text.noRate : String(frameRate)],
          [text.members, `${members.length} / ${capacity}`],
          [text.spectators, format.whole(spectators), text.spectatorsHint],
          [text.kind, kind || text.noKind],
        ]}
      />
      {Object.keys(metadata).length > 0 && (
        <details>
          <summary>{text.metadata}</summary>
          <pre class="scroll" tabIndex={0}>
            {JSON.stringify(metadata, null, 2)}
          </pre>
        </details>
      )}
    </>
  )
}
