import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type Happening, newState, type State } from '../../../src/demo/battle/index.ts'
import { guestName } from '../shell/guest.ts'
import { inPlainWords } from '../shell/problems.ts'
import { repaint } from '../shell/repaint.ts'
import { Page, show } from '../shell/shell.tsx'
import { roomInAddress } from '../shell/visit.tsx'
import { Controls, isGameKey } from './controls.tsx'
import { Game } from './game.ts'
import { Hud } from './hud.tsx'
import { Lobby } from './lobby.tsx'
import { Network } from './network.tsx'
import { Results } from './result.tsx'
import { freshRoom } from './room.ts'
import { Scene } from './scene/scene.ts'
import { text } from './words.ts'
import './style.css'

const name = guestName()
const room = roomInAddress(freshRoom)

/** What the scene shows before there is a state. */
const nobody = newState()
let seen: (state: State, happenings: readonly Happening[]) => void = () => {}
const { changed, useChanges } = repaint()
const game = new Game(room, changed, (state, happenings) => seen(state, happenings))

// The seat is given up at once, rather than kept for a connection that will not come back.
addEventListener('pagehide', () => game.leave())
addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload()
})

/** Whoever is still at it when the battle ends neither scrolls the page nor presses a button of it. */
const AT_IT_MS = 2_000
let endedAt = -Infinity
addEventListener('keydown', (event) => {
  if (isGameKey(event) && (event.repeat || performance.now() - endedAt < AT_IT_MS)) event.preventDefault()
})

function Battle() {
  useChanges()
  const [network, setNetwork] = useState(false)
  const { state, own } = game
  const fighting = state?.phase === 'battle' || state?.phase === 'countdown'
  useLayoutEffect(() => {
    document.documentElement.classList.toggle('fighting', fighting)
    if (!fighting) return undefined
    scrollTo(0, 0)
    return () => void (endedAt = performance.now())
  }, [fighting])
  return (
    <Page name="battle" state={game.connection} node={game.client.node}>
      <div class="stage">
        <Canvas fighting={fighting} />
        {fighting && <h1 class="unseen">{text.title}</h1>}
        {fighting && state !== null && <Hud state={state} own={own} />}
        {!fighting && <Banner state={state} />}
        <div class="tools">
          <SoundButton />
          <button
            type="button"
            class="icon"
            id="network"
            aria-pressed={network}
            aria-label={text.network}
            title={text.network}
            onClick={() => setNetwork(!network)}
          >
            <NetworkIcon />
          </button>
          {fighting && (
            <a class="icon" href="/" aria-label={text.leave} title={text.leave}>
              ✕
            </a>
          )}
        </div>
        {network && <Network game={game} close={() => setNetwork(false)} />}
        {fighting && <Controls game={game} own={own} />}
      </div>
      <Notices />
      {!fighting && state === null && game.problem === null && <p class="hint">{text.joining}</p>}
      {state?.phase === 'over' && <Results game={game} state={state} />}
      {!fighting && state !== null && <Lobby game={game} state={state} name={name} />}
    </Page>
  )
}

/** How long no frame comes until that is said, and how often it is looked; frames come twenty times a second. */
const STALLED_MS = 1_500
const LOOK_MS = 500

/** Whether frames have stopped: the room is on its way to another node, say. */
function useStalled(): boolean {
  const [stalled, setStalled] = useState(false)
  useEffect(() => {
    const look = (): void =>
      setStalled(
        game.state !== null &&
          game.connection !== 'closed' &&
          performance.now() - game.arrivedAt > STALLED_MS,
      )
    const timer = setInterval(look, LOOK_MS)
    return () => clearInterval(timer)
  }, [])
  return stalled
}

/** What the visitor has to know of the connection and of frames that are missing. */
function Notices() {
  const { connection, problem, break: broken, state } = game
  const [forgotten, forget] = useState<unknown>(null)
  const stalled = useStalled()
  const lost = connection === 'disconnected' && state !== null
  return (
    <div class="notices">
      {lost ? (
        <p class="problem" role="alert">
          {text.lost}
        </p>
      ) : (
        problem !== null && (
          <p class="problem" id="problem" role="alert">
            {inPlainWords(problem)}
          </p>
        )
      )}
      {stalled && !lost && (
        <p class="problem gap" id="stalled" role="status">
          {text.stalled}
        </p>
      )}
      {broken !== null && broken !== forgotten && (
        <p class="problem gap" role="status">
          {broken.type === 'skipped' ? text.skipped(broken.count) : text.broken[broken.type]}{' '}
          <button type="button" class="icon" aria-label={text.net.close} onClick={() => forget(broken)}>
            ✕
          </button>
        </p>
      )}
    </div>
  )
}

function Banner({ state }: { readonly state: State | null }) {
  const over = state?.phase === 'over'
  const won = over && state.won
  return (
    <div class="banner" data-over={over ? (won ? 'won' : 'lost') : undefined}>
      <h1>{over ? (won ? text.won : text.beaten) : text.title}</h1>
      <p>{over ? (won ? text.wonText : text.beatenText) : text.tagline}</p>
    </div>
  )
}

function SoundButton() {
  const [on, setOn] = useState(game.sound.on)
  return (
    <button
      type="button"
      class="icon"
      id="sound"
      aria-pressed={on}
      aria-label={text.sound}
      title={text.sound}
      onClick={() => {
        game.sound.on = !on
        setOn(!on)
      }}
    >
      <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
        <path d="M4 9v6h4l5 4V5L8 9z" fill="currentColor" />
        {on ? (
          <path d="M16 8.5a5 5 0 0 1 0 7M18.5 6a8.5 8.5 0 0 1 0 12" class="line" />
        ) : (
          <path d="m16 9 6 6m0-6-6 6" class="line" />
        )}
      </svg>
    </button>
  )
}

function NetworkIcon() {
  return (
    <svg viewBox="0 0 24 24" width="20" height="20" aria-hidden="true">
      <path d="M3 13h4l3-8 4 14 3-6h4" class="line" />
    </svg>
  )
}

/** What the page's own things cover of the scene; beside the title where there is room, else above it. */
const IN_BATTLE = { top: 122, bottom: 148, left: 0 }
const BESIDE = { top: 12, bottom: 0, left: 470 }
const ALONE = { top: 8, bottom: 0, left: 0 }
const WIDE = 860

/** The scene: drawn at each repaint from the state, and told of what happens. */
function Canvas({ fighting }: { readonly fighting: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const scene = useRef<Scene | null>(null)
  useEffect(() => {
    if (canvas.current === null) return undefined
    const made = new Scene(canvas.current)
    scene.current = made
    seen = (state, happenings) => made.happened(state, happenings, performance.now())
    let asked = requestAnimationFrame(function draw(now) {
      asked = requestAnimationFrame(draw)
      game.advance(now)
      made.own = game.own?.id ?? 0
      made.draw(game.state ?? nobody, game.alpha, now)
    })
    return () => cancelAnimationFrame(asked)
  }, [])
  useLayoutEffect(() => {
    if (scene.current === null) return
    scene.current.insets = fighting ? IN_BATTLE : innerWidth >= WIDE ? BESIDE : ALONE
  })
  return <canvas ref={canvas} class="scene" role="img" aria-label={text.scene} />
}

show(`${text.title} – RTMS`, <Battle />)
