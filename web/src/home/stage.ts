import type { Meeting } from 'rtms/client'
import { newState, RATE, type Wish } from '../../../src/demo/battle/index.ts'
import { Follower } from '../battle/follow.ts'
import { Meter } from '../battle/meter.ts'
import { Scene } from '../battle/scene/scene.ts'
import type { Live } from './live.ts'

/* The battle behind the title: loaded after the words, and drawn where it is looked at. */

const AGAIN_MS = 1_000
/** Frames that an end is seen before another battle is looked for. */
const OVER = 10 * RATE
const WIDE = 860

export interface Stage {
  paused: boolean
  readonly meeting: string
  readonly frame: number
  readonly fighters: number
}

export function stage(canvas: HTMLCanvasElement, live: Live): Stage {
  const scene = new Scene(canvas)
  const nobody = newState()
  let follower: Follower | null = null
  let meeting: Meeting<Wish> | null = null
  let inSight = true
  const shown = {
    paused: false,
    get meeting() {
      return meeting?.name ?? ''
    },
    get frame() {
      return follower?.state.frame ?? 0
    },
    get fighters() {
      return follower?.state.players.length ?? 0
    },
  }
  new IntersectionObserver(([entry]) => (inSight = entry?.isIntersecting ?? true)).observe(canvas)

  /** Looks on until the battle is over, or its meeting ends. */
  const look = async (): Promise<void> => {
    const { meeting: name } = await live.client.request<{ meeting: string }>('home.stage', {})
    const joined = await live.client.join<Wish>(name, { spectator: true, timeoutMs: Infinity })
    meeting = joined
    let over = 0
    await new Promise<void>((done) => {
      joined.onEnd(() => done())
      follower = new Follower(live.client, joined, new Meter(RATE), (state, isLive) => {
        if (isLive && !shown.paused) scene.happened(state, state.happenings, performance.now())
        if (isLive) live.frame(state.frame)
        if (state.phase === 'over' && ++over > OVER) done()
      })
    })
    joined.leave()
  }
  const keepLooking = async (): Promise<never> => {
    for (;;) {
      // The node may be away for a while.
      await look().catch(() => {})
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS))
    }
  }
  void keepLooking()

  let drawn = false
  requestAnimationFrame(function draw(now) {
    requestAnimationFrame(draw)
    follower?.advance(now)
    if (!inSight || (shown.paused && drawn)) return
    drawn = follower?.inStep === true
    scene.insets = innerWidth >= WIDE ? { top: 12, bottom: 0, left: 470 } : { top: 8, bottom: 0, left: 0 }
    scene.draw(drawn ? (follower?.state ?? nobody) : nobody, follower?.alpha ?? 1, now)
  })
  return shown
}
