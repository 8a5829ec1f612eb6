import { useState } from 'preact/hooks'
import type { Experiment } from './experiment.ts'
import { type Happening, type Step, steps, text } from './words.ts'

/** How long a step is seen at least, so that it can be read, and how long what ends it is waited for. */
const SEEN_MS = 3_500
const LONGEST_MS = 9_000
/**
 * Fast enough for a reader that has stopped to fall off the ring within seconds; and so that one who is cut off does
 * not.
 */
const FAST = 100
const SLOW = 20

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** What a visitor would do, one thing after the other: all that can happen to a connection. */
async function lead(experiment: Experiment, at: (step: Step) => void): Promise<void> {
  const until = (kind: Happening['kind']): Promise<unknown> =>
    Promise.all([pause(SEEN_MS), Promise.race([experiment.next(kind), pause(LONGEST_MS)])])
  const { speed } = experiment
  await experiment.setSpeed(FAST)
  at('flood')
  experiment.flood()
  await until('framed')
  at('stop')
  if (!experiment.line.stopped) experiment.toggleReading()
  await until('fallen')
  at('read')
  experiment.toggleReading()
  await until('flowing')
  await experiment.setSpeed(SLOW)
  at('cut')
  experiment.cut()
  await until('recovered')
  await experiment.setSpeed(speed)
}

/** Breaks the connection in every way, and says what comes of it. */
export function Tour({ experiment }: { readonly experiment: Experiment }) {
  const [at, setAt] = useState<Step | 'done' | null>(null)
  const now = at === null || at === 'done' ? -1 : steps.indexOf(at)
  const isRunning = now >= 0
  const run = async (): Promise<void> => {
    experiment.isLed = true
    await lead(experiment, setAt)
    experiment.isLed = false
    setAt('done')
  }
  return (
    <section class="card tour" aria-labelledby="tour-title" data-at={at}>
      <h2 id="tour-title">{text.tour}</h2>
      <button
        type="button"
        id="break"
        disabled={isRunning || experiment.state !== 'connected'}
        onClick={() => void run()}
      >
        {isRunning ? text.breaking : text.breakIt}
      </button>
      <ol>
        {steps.map((step, i) => (
          <li
            key={step}
            aria-current={step === at ? 'step' : undefined}
            data-done={at === 'done' || i < now || undefined}
          >
            {text.steps[step]}
          </li>
        ))}
      </ol>
      <p role="status">{at === 'done' && text.broken(experiment.counts.silent)}</p>
    </section>
  )
}
