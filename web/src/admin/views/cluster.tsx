import { useRef, useState } from 'preact/hooks'
import type { Carried, ClusterAnswer, Load, Whereabouts } from '../node/answers.ts'
import { CallError, inPath } from '../node/api.ts'
import { api } from '../node/node.ts'
import { type Polled, usePoll } from '../node/use-poll.ts'
import { dashboardOf, Moments } from '../numbers/cluster.ts'
import type { SeenNode } from '../numbers/happenings.ts'
import { Confirm, type Question } from '../parts/confirm.tsx'
import { Notice, Problem, useAction } from '../parts/notice.tsx'
import { Search } from '../parts/search.tsx'
import { type Column, Table } from '../parts/table.tsx'
import { Ring, type Shown } from '../ring/ring.tsx'
import { addressOf } from '../route.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/cluster.ts'
import { Log, useHappenings } from './happenings.tsx'

const EVERY_MS = 1_000
/** How long a node is cut off. */
const CUT_MS = 15_000

/** All nodes as the one of this page sees them, and where a meeting is. */
export function Cluster({ meeting }: { readonly meeting: string }) {
  const { data, error } = usePoll(
    () => api.get<ClusterAnswer>(`/cluster?host=${encodeURIComponent(location.host)}`),
    EVERY_MS,
    '',
  )
  const { feed, nodes: seen, flights } = useHappenings(data)
  const moments = useRef(new Moments())
  if (data !== null) moments.current.add(data, performance.now())
  const found = usePoll(
    () =>
      meeting === '' ? Promise.resolve(null) : api.get<Whereabouts>(`/meetings/${inPath(meeting)}/nodes`),
    EVERY_MS,
    meeting,
  )
  if (data === null)
    return (
      <section class="card" aria-labelledby="title">
        <h1 id="title">{common.views.cluster}</h1>
        {error === null || error.code === 'AWAY' ? (
          <p class="empty">{common.loading}</p>
        ) : (
          <Problem error={error} />
        )}
      </section>
    )
  const nodes = seen.map((node): Shown => ({ node, flow: moments.current.flow(node) }))
  const [self] = data.nodes
  return (
    <>
      <section class="card" aria-labelledby="title">
        <div class="row">
          <h1 id="title" class="grow">
            {common.views.cluster}
          </h1>
          {nodes.length > 1 && (
            <Search
              label={text.find}
              value={meeting}
              search={(search) => (location.hash = addressOf({ view: 'cluster', search }))}
            />
          )}
        </div>
        {!data.bus.up && <p class="problem">{text.busAway}</p>}
        {nodes.length === 1 ? (
          <Alone name={self?.node ?? ''} />
        ) : (
          <>
            <p class="notice" role="status">
              {meeting === '' ? '' : told(meeting, found)}
            </p>
            <Ring
              nodes={byName(nodes)}
              meeting={found.error === null ? found.data : null}
              flights={flights}
              isUp={data.bus.up}
            />
            <ul class="keys">
              <li class="key-line s1">{text.keyOut}</li>
              <li class="key-line s0">{text.keyIn}</li>
              <li class="key-line s2">{text.keyShare}</li>
              <li class="key-line hollow">{text.keySelf}</li>
              <li class="key-line s3">{text.keyMeeting}</li>
            </ul>
            <p class="hint">{text.hint}</p>
          </>
        )}
      </section>
      <Nodes nodes={nodes} faults={data.faults} />
      {nodes.length > 1 && <Log feed={feed} />}
      <section class="card" aria-labelledby="traffic-title">
        <h2 id="traffic-title">{text.traffic}</h2>
        <Table
          label={text.traffic}
          rows={data.bus.traffic}
          keyOf={({ direction, kind }) => `${direction} ${kind}`}
          empty={text.noTraffic}
          columns={trafficColumns(moments.current)}
        />
      </section>
    </>
  )
}

/** The table of the nodes, with what can be done to each. `faults`: also for trying out what happens then. */
function Nodes({ nodes, faults }: { readonly nodes: readonly Shown[]; readonly faults: boolean }) {
  const [question, ask] = useState<Question | null>(null)
  const { outcome, isBusy, run } = useAction()
  const post = (node: string, what: Deed, body: object): (() => void) => {
    return () =>
      void run(async () => {
        try {
          await api.post(`/nodes/${inPath(node)}/${what}`, body)
        } catch (error) {
          const isRefused = what !== 'drain' && error instanceof CallError && error.code === 'FORBIDDEN'
          throw isRefused ? new CallError('NO_FAULTS') : error
        }
        return text.begun[what](node)
      })
  }
  const questions: Readonly<Record<Deed, (node: string) => Question>> = {
    drain: (node) => ({ ...text.drainQuestion(node), yes: text.drain, run: post(node, 'drain', {}) }),
    cut: (node) => ({ ...text.cutQuestion(node), yes: text.cut, run: post(node, 'cut', { ms: CUT_MS }) }),
    kill: (node) => ({ ...text.killQuestion(node), yes: text.kill, run: post(node, 'kill', {}) }),
  }
  const deeds: readonly Deed[] = faults ? ['drain', 'cut', 'kill'] : ['drain']
  const actions: Column<Shown> = {
    id: 'actions',
    label: text.actions,
    cell: ({ node: { node, status, draining } }) =>
      node !== '' &&
      status !== 'ended' && (
        <span class="deeds">
          {deeds.map((deed) => (
            <button
              key={deed}
              type="button"
              class="danger small"
              aria-label={text.deedOf[deed](node)}
              disabled={isBusy || status === 'silent' || (deed === 'drain' && draining)}
              onClick={() => ask(questions[deed](node))}
            >
              {text[deed]}
            </button>
          ))}
        </span>
      ),
  }
  const [name, state, ...figures] = columnsOf(nodes.map(({ node }) => node))
  // A node alone has nobody to hand over to. The actions come early, so that a phone shows them without scrolling.
  const columns = [name, state, ...(nodes.length > 1 ? [actions] : []), ...figures] as Column<Shown>[]
  return (
    <section class="card" aria-labelledby="nodes-title">
      <h2 id="nodes-title">{text.table}</h2>
      <Table
        label={text.table}
        rows={nodes}
        keyOf={({ node }) => node.incarnation}
        empty={common.none}
        columns={columns}
      />
      <Notice outcome={outcome} />
      <Confirm question={question} done={() => ask(null)} />
    </section>
  )
}

type Deed = 'drain' | 'cut' | 'kill'

/** So that each node shows the same picture. */
function byName(nodes: readonly Shown[]): readonly Shown[] {
  return nodes.toSorted(({ node: one }, { node: other }) => one.node.localeCompare(other.node))
}

/** Where the meeting is, in words. */
function told(meeting: string, { data, error }: Polled<Whereabouts | null>): string {
  if (error?.code === 'NOT_FOUND' || error?.code === 'BAD_NAME') return text.nowhere(meeting)
  if (data === null) return error === null ? common.loading : ''
  const { owner, replicas, missing } = data
  return [
    owner === null ? text.ownerUnknown(meeting) : text.isAt(meeting, owner),
    ...(replicas.length > 0 ? [text.copies(replicas.join(', '))] : missing.length > 0 ? [] : [text.noCopies]),
    ...(missing.length > 0 ? [text.missing(missing.join(', '))] : []),
  ].join(text.and)
}

function Alone({ name }: { readonly name: string }) {
  return (
    <div class="alone">
      <h2>{text.aloneTitle(name)}</h2>
      <p>{text.alone}</p>
      <pre class="scroll" tabIndex={0}>
        {`rtms serve --nodes 3                     # ${text.aloneOne}\n`}
        {`rtms serve --nats nats://10.0.0.1:4222   # ${text.aloneMany}`}
      </pre>
    </div>
  )
}

const figure = (id: keyof Load, label: string): Column<Shown> => ({
  id,
  label,
  value: ({ node: { status, load } }) => (status === 'ended' ? -1 : (load?.[id] ?? -1)),
  cell: ({ node: { status, load } }) =>
    status === 'ended' ? '–' : load === null ? text.unknown : format.whole(load[id]),
})

const flow = (id: 'in' | 'out', label: string): Column<Shown> => ({
  id,
  label,
  value: (shown) => shown.flow[id] ?? -1,
  cell: (shown) => speedOf(shown.flow[id]),
})

function columnsOf(all: readonly SeenNode[]): readonly Column<Shown>[] {
  return [
    {
      id: 'node',
      label: text.node,
      value: ({ node }) => node.node,
      cell: ({ node }) => (
        <>
          <b class="name">{node.node || text.unknown}</b>
          {node.role === 'edge' && <span class="badge">{text.edge}</span>}
        </>
      ),
    },
    {
      id: 'state',
      label: text.state,
      value: ({ node }) => node.status,
      cell: ({ node }) => <State node={node} />,
    },
    figure('connections', text.connections),
    figure('sessions', text.sessions),
    figure('meetings', text.meetings),
    figure('replicas', text.replicas),
    figure('topics', text.topics),
    flow('out', text.busOut),
    flow('in', text.busIn),
    { id: 'address', label: text.address, cell: ({ node }) => <Address node={node} all={all} /> },
  ]
}

function State({ node: { status, heardMs, draining, load } }: { readonly node: SeenNode }) {
  if (status === 'ended') return <span class="badge bad">{text.ended}</span>
  if (draining && status !== 'silent') return <span class="badge warn">{drainOf(load)}</span>
  if (status === 'self') return <span class="badge good">{text.this}</span>
  if (status === 'alive') return <span class="badge good">{text.alive}</span>
  return <span class="badge bad">{text.silentFor(Math.round(heardMs / 1_000))}</span>
}

/** How far a node is with draining. */
function drainOf(load: Load | null): string {
  if (load === null) return text.drainingStill
  const { meetings, connections } = load
  if (meetings + connections === 0) return text.drained
  return text.draining(format.whole(meetings), format.whole(connections))
}

function Address({ node, all }: { readonly node: SeenNode; readonly all: readonly SeenNode[] }) {
  const dashboard = dashboardOf(node, all)
  if (node.address === '') return <>{text.unknown}</>
  return (
    <>
      <code>{node.address}</code>{' '}
      {dashboard !== null && (
        <a href={dashboard} aria-label={text.dashboardOf(node.node)}>
          {text.dashboard}
        </a>
      )}
    </>
  )
}

function trafficColumns(moments: Moments): readonly Column<Carried>[] {
  return [
    {
      id: 'direction',
      label: text.direction,
      value: ({ direction }) => direction,
      cell: ({ direction }) => text[direction],
    },
    { id: 'kind', label: text.kind, value: ({ kind }) => kind, cell: ({ kind }) => text.kinds[kind] },
    {
      id: 'messages',
      label: text.messages,
      value: ({ messages }) => messages,
      cell: ({ messages }) => format.whole(messages),
    },
    { id: 'bytes', label: text.bytes, value: ({ bytes }) => bytes, cell: ({ bytes }) => format.bytes(bytes) },
    {
      id: 'speed',
      label: text.speed,
      value: (carried) => moments.speed(carried) ?? -1,
      cell: (carried) => speedOf(moments.speed(carried)),
    },
  ]
}

function speedOf(bytes: number | null): string {
  return bytes === null ? '–' : text.perSecond(format.bytes(bytes))
}
