import { homeNode } from '../shell/nodes.tsx'
import type { Game } from './game.ts'
import { text } from './words.ts'

const ms = (value: number): string => `${Math.round(value)} ms`
const bytes = (value: number): string =>
  value < 10_000
    ? `${Math.round(value)} B`
    : value < 10_000_000
      ? `${(value / 1000).toFixed(1)} kB`
      : `${(value / 1e6).toFixed(1)} MB`

/** What the network does, as far as this page can tell. */
export function Network({ game, close }: { readonly game: Game; readonly close: () => void }) {
  const { meter, state, client } = game
  const { net } = text
  const lateness = meter.lateness
  const worst = Math.max(0, ...lateness)
  const { down, up } = meter.rates(performance.now())
  const frame = state?.frame ?? 0
  const home = homeNode()
  return (
    <section class="network" aria-label={net.title}>
      <header>
        <h2>{net.title}</h2>
        <button type="button" class="icon" aria-label={net.close} onClick={close}>
          ✕
        </button>
      </header>
      <dl>
        {home !== '' && (
          <Row
            name={net.nodes}
            value={`${client.node || '–'} / ${home}`}
            hint={client.node === home ? net.sameNode : net.otherNode}
          />
        )}
        <Row name={net.frame} value={String(frame)} />
        <Row name={net.digest} value={(frame > 0 && game.digestAt(frame)) || '–'} hint={net.digestHint} />
        <Row
          name={net.lateness}
          value={lateness.length > 0 ? `${ms(lateness.at(-1) ?? 0)} / max ${ms(worst)}` : '–'}
          hint={net.latenessHint}
        />
        <dd class="spark">
          <Spark values={lateness} />
        </dd>
        <Row name={net.rtt} value={client.rttMs > 0 ? ms(client.rttMs) : '–'} />
        <Row name={net.input} value={meter.inputMs > 0 ? ms(meter.inputMs) : '–'} hint={net.inputHint} />
        <Row name={net.down} value={`${bytes(down)}/s · ${bytes(meter.bytesDown)}`} />
        <Row name={net.up} value={`${bytes(up)}/s · ${bytes(meter.bytesUp)}`} />
        <Row name={net.resumes} value={net.resumesOf(meter.recovered, meter.rejoins)} />
      </dl>
    </section>
  )
}

function Row({
  name,
  value,
  hint,
}: {
  readonly name: string
  readonly value: string
  readonly hint?: string
}) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
      {hint !== undefined && <dd class="said">{hint}</dd>}
    </>
  )
}

const POINTS = 120

function Spark({ values }: { readonly values: readonly number[] }) {
  const top = Math.max(50, ...values)
  const points = values.map(
    (value, i) => `${(i / (POINTS - 1)) * 240},${(31 - (value / top) * 30).toFixed(1)}`,
  )
  return (
    <svg viewBox="0 0 240 32" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(' ')} />
    </svg>
  )
}
