import { Choice } from '../shell/choice.tsx'
import type { Experiment } from './experiment.ts'
import { type Policy, text } from './words.ts'

const policies: readonly Policy[] = ['skip', 'conflate', 'disconnect']
const speeds: readonly number[] = [5, 20, 100]

/** What a visitor can do to the connection. */
export function Switches({ experiment }: { readonly experiment: Experiment }) {
  const { line, state, policy } = experiment
  const able = state === 'connected' && !experiment.isLed
  const seconds = Math.ceil((line.offlineUntil - performance.now()) / 1000)
  return (
    <section class="card switches" aria-labelledby="switches-title">
      <h2 id="switches-title">{text.switches}</h2>
      <div class="disturb">
        <p>
          <button
            type="button"
            id="stop"
            class="danger"
            aria-pressed={line.stopped}
            disabled={!able}
            onClick={() => experiment.toggleReading()}
          >
            {line.stopped ? text.read : text.stop}
          </button>
          <span class="hint">{text.stopHint}</span>
        </p>
        <p>
          <button type="button" id="cut" class="danger" disabled={!able} onClick={() => experiment.cut()}>
            {seconds > 0 ? text.offline(seconds) : text.cut}
          </button>
          <span class="hint">{text.cutHint}</span>
        </p>
        <p>
          <button type="button" id="flood" class="danger" disabled={!able} onClick={() => experiment.flood()}>
            {text.flood}
          </button>
          <span class="hint">{text.floodHint}</span>
        </p>
      </div>
      <Choice
        name="speed"
        label={text.speed}
        values={speeds}
        chosen={experiment.speed}
        show={text.perSecond}
        choose={(speed) => void experiment.setSpeed(speed)}
      />
      <Choice
        name="policy"
        label={text.policy}
        values={policies}
        chosen={policy}
        show={(each) => text.policies[each]}
        choose={(each) => experiment.setPolicy(each)}
      />
      <p class="hint">{text.policyHints[policy]}</p>
    </section>
  )
}
