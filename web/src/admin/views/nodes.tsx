import { otherNodes, watch } from '../node/node.ts'
import { addressOf } from '../route.ts'
import { duration } from '../numbers/format.ts'
import { format, text as common } from '../words/common.ts'
import { text } from '../words/overview.ts'

/** The node of this page and how it stands, and the way to the others. */
export function Nodes() {
  const nodes = watch.info === null ? [] : [watch.info]
  const others = otherNodes()
  return (
    <section class="card" aria-labelledby="nodes-title">
      <h1 id="nodes-title">{text.nodes}</h1>
      <ul class="nodes">
        {nodes.map(({ node, version, uptimeMs, status, readiness, latenessMs }) => (
          <li key={node}>
            <b class="name">{node}</b>
            {watch.state === 'up' ? (
              <>
                <span class={`badge ${status === 'ok' ? 'good' : 'bad'}`}>{text.status[status]}</span>
                <span class={`badge ${readiness === 'ready' ? 'good' : 'bad'}`}>
                  {text.readiness[readiness]}
                </span>
              </>
            ) : (
              <span class="badge bad">{text.noAnswer}</span>
            )}
            <span class="hint">
              {text.version} {version} · {text.uptime} {duration(uptimeMs, common.units)} ·{' '}
              {text.lateHint(format.milliseconds(latenessMs))}
            </span>
          </li>
        ))}
      </ul>
      {others > 0 && (
        <p>
          <a href={addressOf({ view: 'cluster', search: '' })}>{text.others(others)}</a>
        </p>
      )}
    </section>
  )
}
