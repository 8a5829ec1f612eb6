import { useEffect, useRef, useState } from 'preact/hooks'
import { Copy } from '../shell/copy.tsx'
import { repaint } from '../shell/repaint.ts'
import { Page, show } from '../shell/shell.tsx'
import { Doors } from './doors.tsx'
import { Live } from './live.ts'
import type { Stage } from './stage.ts'
import { AdminThumb, InsideThumb, PlaygroundThumb, WallThumb } from './thumbs.tsx'
import { text } from './words.ts'
import './style.css'

const { changed, useChanges } = repaint()
const live = new Live(changed)
const calm = matchMedia('(prefers-reduced-motion: reduce)')
const number = (value: number): string => value.toLocaleString('en')

function Hero() {
  const canvas = useRef<HTMLCanvasElement>(null)
  const [stage, setStage] = useState<Stage | null>(null)
  const [paused, setPaused] = useState(calm.matches)
  useEffect(() => {
    void import('./stage.ts').then((made) => setStage(made.stage(canvas.current as HTMLCanvasElement, live)))
  }, [])
  if (stage !== null) stage.paused = paused
  const frame = stage?.frame ?? 0
  const said = stage?.meeting === 'show' ? text.bots : text.people
  return (
    <section class="stage hero" id="stage" data-meeting={stage?.meeting} data-frame={frame}>
      <canvas ref={canvas} class="scene" role="img" aria-label={text.scene} />
      <div class="banner">
        <h1>{text.title}</h1>
        <p>{text.lead}</p>
        <p class="acts">
          <a class="button" href="/battle/">
            {text.join}
          </a>
          <button type="button" id="pause" onClick={() => setPaused(!paused)}>
            {paused ? text.goOn : text.pause}
          </button>
        </p>
        <p class="live">{frame === 0 ? text.waiting : said(number(frame))}</p>
      </div>
    </section>
  )
}

function Install() {
  const line = useRef<HTMLElement>(null)
  const [before, behind] = text.sealed
  return (
    <section class="card start" aria-label={text.install}>
      <code ref={line}>npm install rtms</code>
      <Copy from={line} />
      <p>
        {before} <strong id="sealed">{number(live.sealed)}</strong> {behind}
      </p>
    </section>
  )
}

function Home() {
  useChanges()
  return (
    <Page name="home" state={live.client.state} node={live.client.node}>
      <Hero />
      <Install />
      <Doors
        thumbs={{
          wall: <WallThumb live={live} />,
          inside: <InsideThumb live={live} />,
          playground: <PlaygroundThumb live={live} />,
          admin: <AdminThumb live={live} />,
        }}
      />
    </Page>
  )
}

show(`RTMS – ${text.title}`, <Home />)
