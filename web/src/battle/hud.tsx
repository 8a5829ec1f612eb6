import { isUp, type Player, RATE, type State, times } from '../../../src/demo/battle/index.ts'
import { text } from './words.ts'

/** Above the battle: the beast's blood, its patience, the time; and what matters in words. */
export function Hud({ state, own }: { readonly state: State; readonly own: Player | undefined }) {
  const { beast, phase } = state
  const blood = phase === 'countdown' ? 1 : beast.blood / beast.fullBlood
  const noise = beast.mood === 'stunned' ? 1 : beast.noise / beast.fullNoise
  return (
    <>
      <div class="hud">
        <div class="hud-line">
          <h2>
            {text.beast}
            {beast.raging && phase === 'battle' && <em>{text.rage}</em>}
          </h2>
          {phase === 'battle' && (
            <p class="clock" data-soon={state.left < 10 * RATE || undefined}>
              <span class="unseen">{text.time} </span>
              {clockOf(state.left)}
            </p>
          )}
        </div>
        <div
          class="bar blood"
          role="meter"
          aria-label={text.blood}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.ceil(blood * 100)}
        >
          <i style={{ transform: `scaleX(${blood})` }} />
          <b style={{ transform: `scaleX(${blood})` }} />
          <span aria-hidden="true">{phase === 'battle' ? beast.blood.toLocaleString('en') : ''}</span>
        </div>
        <div class="hud-line">
          <span class="label" aria-hidden="true">
            {text.noise}
          </span>
          <div
            class="bar noise"
            data-full={beast.mood === 'stunned' || undefined}
            role="meter"
            aria-label={text.noise}
            aria-valuemin={0}
            aria-valuemax={100}
            aria-valuenow={Math.min(100, Math.round(noise * 100))}
          >
            <b style={{ transform: `scaleX(${Math.min(1, noise)})` }} />
          </div>
          {state.chain > 4 && phase === 'battle' && (
            <p class="chain" key={Math.floor(state.chain / 10)}>
              {text.chain(state.chain)}
            </p>
          )}
        </div>
        <p class="own-hearts">
          <span class="unseen">
            {phase === 'battle' && own?.fighting === true ? text.heartsOf(own.hearts) : ''}
          </span>
        </p>
      </div>
      <Announcement state={state} own={own} />
    </>
  )
}

function clockOf(frames: number): string {
  const seconds = Math.max(0, Math.ceil(frames / RATE))
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** One line in the middle: said to who cannot see the rings, too. */
function Announcement({ state, own }: { readonly state: State; readonly own: Player | undefined }) {
  const said = wordsOf(state, own)
  const count = state.phase === 'countdown' ? Math.max(1, Math.ceil(state.left / RATE)) : 0
  return (
    <>
      {count > 0 && (
        <p class="count" key={count} aria-hidden="true">
          {count}
        </p>
      )}
      <p class="announce" role="status" aria-live="assertive" data-kind={said?.kind}>
        {said?.words}
      </p>
    </>
  )
}

function wordsOf(
  { beast, phase, left, frame, long }: State,
  own: Player | undefined,
): { readonly words: string; readonly kind: string } | null {
  if (phase !== 'battle') return null
  if (own === undefined) return { words: text.elsewhere, kind: 'calm' }
  if (!own.fighting) return { words: text.waitNext, kind: 'calm' }
  if (own.down > 0) return { words: text.down(Math.ceil(own.down / RATE)), kind: 'bad' }
  if (beast.mood === 'windup' && beast.targets.includes(own.id) && isUp(own) && own.guard === 0)
    return { words: beast.attack === 'roar' ? text.roarComes : text.clawComes, kind: 'bad' }
  if (beast.mood === 'stunned') return { words: text.stunned, kind: 'good' }
  const length = times[long ? 'long' : 'quick']
  return frame > 0 && length - left < 1.2 * RATE ? { words: text.fight, kind: 'good' } : null
}
