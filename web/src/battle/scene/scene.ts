import { type Happening, isUp, type Shot, type State, times } from '../../../../src/demo/battle/index.ts'
import { playerName } from '../names.ts'
import { text } from '../words.ts'
import { paintBackdrop } from './backdrop.ts'
import { paintBeast } from './beast.ts'
import { Effects } from './effects.ts'
import { HEAD, MOUTH } from './face.ts'
import { cracker, HERO_HEIGHT, paintHero, paintLabel, rocket } from './hero.ts'
import { paintCouplets, paintLanterns } from './lanterns.ts'
import { fightersOf, type Insets, Layout } from './layout.ts'
import { clamp, colourOf, type Ctx, easeOut, ellipse, glow, lerp, type Point } from './paint.ts'

/** More pixels than this for each of the page's are not seen, only paid for. */
const MAX_RATIO = 2
/** Seconds for which it is told that blows have landed together: no two at a time. */
const TOGETHER_S = 1.1
/** Seconds between two pictures that are too many. */
const SLOW_S = 0.04

/** What the eye remembers of a fighter: when something last happened to it, in milliseconds. */
interface Memory {
  threw: number
  hurt: number
}

/** Draws the state. It may move things between two frames; it decides nothing. */
export class Scene {
  insets: Insets = { top: 0, bottom: 0, left: 0 }
  /** The own player's id; 0 for none. */
  own = 0
  readonly #canvas: HTMLCanvasElement
  readonly #ctx: Ctx
  readonly #backdrop: HTMLCanvasElement = document.createElement('canvas')
  readonly #effects: Effects = new Effects()
  readonly #memories: Map<number, Memory> = new Map()
  readonly #calm: MediaQueryList = matchMedia('(prefers-reduced-motion: reduce)')
  #layout: Layout = new Layout(1, 1, { top: 0, bottom: 0, left: 0 })
  #painted = ''
  #quality = 1
  #slow = 0
  #drawnAt = 0
  #shake = 0
  #hitAt = -1e9
  #struckAt = -1e9
  #roaredAt = -1e9
  #togetherAt = -1e9
  #nextFirework = 0
  #open = 0
  #crouch = 0
  #stun = 0
  #rage = 0
  #fled = 0

  constructor(canvas: HTMLCanvasElement) {
    const ctx = canvas.getContext('2d')
    if (ctx === null) throw new Error('the browser gives no canvas to draw on')
    this.#canvas = canvas
    this.#ctx = ctx
  }

  // ---- what has happened

  /** A frame was applied. Only what is seen live is shown with sparks. */
  happened(state: State, happenings: readonly Happening[], now: number): void {
    for (const happening of happenings) this.#happen(state, happening, now)
  }

  #happen(state: State, happening: Happening, now: number): void {
    const effects = this.#effects
    switch (happening.type) {
      case 'begin':
        effects.clear()
        this.#memories.clear()
        break
      case 'throw':
        this.#memory(happening.player).threw = now
        break
      case 'hit':
        this.#hit(state, happening, now)
        break
      case 'strike':
        if (happening.attack === 'roar') {
          this.#roaredAt = now
          this.#shake = 1
        } else {
          this.#struckAt = now
          this.#shake = 0.6
        }
        break
      case 'hurt':
      case 'guarded':
        this.#struck(state, happening, now)
        break
      case 'stunned': {
        const { x, y } = this.#layout.onBeast(HEAD)
        effects.ring(x, y, 260 * this.#layout.beastScale, '#ffd25c')
        effects.stars(x, y - 80 * this.#layout.beastScale)
        break
      }
      case 'rage': {
        const { x, y } = this.#layout.onBeast(HEAD)
        effects.ring(x, y, 320 * this.#layout.beastScale, '#ff3b1f')
        this.#shake = 0.8
        break
      }
      case 'over':
        this.#shake = 0.7
        break
      default:
    }
  }

  #hit(state: State, hit: Extract<Happening, { type: 'hit' }>, now: number): void {
    const at = this.#layout.target(hit.player * 1_000 + state.frame)
    this.#hitAt = now
    this.#effects.bang(at.x, at.y, hit.rocket ? 2.6 : 1)
    if (hit.rocket) this.#shake = Math.max(this.#shake, 0.45)
    this.#sayHit(hit, at, now)
  }

  /** The own numbers, others' rockets, and what was done together: with ten who throw, all numbers would be none. */
  #sayHit(hit: Extract<Happening, { type: 'hit' }>, at: Point, now: number): void {
    const own = hit.player === this.own
    const effects = this.#effects
    if (own) effects.say(String(hit.damage), at.x, at.y - 14, hit.rocket ? 34 : 21, '#ffffff')
    else if (hit.rocket) effects.say(String(hit.damage), at.x, at.y - 14, 24, '#ffc48a')
    if (hit.lucky && own) effects.say(text.lucky, at.x, at.y - 46, 20, '#fff16b')
    if (hit.together < 3 || now - this.#togetherAt < 1_000 * TOGETHER_S) return
    this.#togetherAt = now
    const { x, y } = this.#layout.onBeast({ x: 0, y: -20 })
    effects.say(
      text.togetherNow(hit.together),
      x,
      y,
      20 + 3 * Math.min(hit.together, 6),
      '#ffd94a',
      TOGETHER_S,
    )
  }

  #struck(state: State, happening: Extract<Happening, { type: 'hurt' | 'guarded' }>, now: number): void {
    const place = this.#layout.placeOf(state, happening.player)
    if (place === null) return
    const y = place.y - 44 * place.scale
    if (happening.type === 'hurt') {
      this.#memory(happening.player).hurt = now
      this.#effects.stars(place.x, y)
      return
    }
    this.#effects.ring(place.x, y, 62 * place.scale, happening.perfect ? '#ffe66b' : '#ffffff')
    if (happening.player === this.own)
      this.#effects.say(happening.perfect ? text.perfect : text.guarded, place.x, y - 46, 21, '#ffe66b', 1.1)
  }

  #memory(id: number): Memory {
    let memory = this.#memories.get(id)
    if (memory === undefined) this.#memories.set(id, (memory = { threw: -1e9, hurt: -1e9 }))
    return memory
  }

  // ---- drawing

  /** `ahead`: how much of the time until the next frame has passed. */
  draw(state: State, ahead: number, now: number): void {
    this.#fit()
    const dt = Math.min(0.1, (now - this.#drawnAt) / 1000)
    this.#drawnAt = now
    this.#measure(dt)
    this.#effects.calm = this.#calm.matches
    this.#effects.move(dt)
    this.#ease(state, dt)
    this.#celebrate(state, now)
    const t = this.#calm.matches ? now / 4_000 : now / 1000
    const ctx = this.#ctx
    const ratio = this.#canvas.width / this.#layout.width
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
    ctx.drawImage(this.#backdrop, 0, 0, this.#layout.width, this.#layout.height)
    if (this.#rage > 0.01) this.#tint(`rgb(190 10 20 / ${0.22 * this.#rage})`)
    ctx.save()
    const shake = this.#calm.matches ? 0 : this.#shake ** 2 * 14
    ctx.translate(Math.sin(now * 0.09) * shake, Math.cos(now * 0.11) * shake)
    this.#decorate(t)
    this.#beast(state, ahead, t, now)
    this.#heroes(state, ahead, t, now)
    for (const shot of state.shots) this.#shot(state, shot, ahead, t)
    this.#effects.paint(ctx)
    ctx.restore()
    const hurt = now - (this.#memories.get(this.own)?.hurt ?? -1e9)
    if (hurt < 450) this.#vignette(1 - hurt / 450)
  }

  /** The canvas has as many pixels as it shows; what does not move is painted anew when that changes. */
  #fit(): void {
    const { clientWidth, clientHeight } = this.#canvas
    const ratio = Math.min(devicePixelRatio, MAX_RATIO) * this.#quality
    const key = [clientWidth, clientHeight, ratio, ...Object.values(this.insets)].join(' ')
    if (key === this.#painted) return
    this.#painted = key
    const layout = new Layout(Math.max(1, clientWidth), Math.max(1, clientHeight), this.insets)
    this.#layout = layout
    for (const canvas of [this.#canvas, this.#backdrop]) {
      canvas.width = Math.round(layout.width * ratio)
      canvas.height = Math.round(layout.height * ratio)
    }
    const ctx = this.#backdrop.getContext('2d')
    if (ctx === null) return
    ctx.scale(ratio, ratio)
    paintBackdrop(ctx, layout)
  }

  /** A machine that cannot keep up draws fewer pixels and sparks, rather than fewer pictures. */
  #measure(dt: number): void {
    this.#slow = dt > SLOW_S ? this.#slow + 1 : Math.max(0, this.#slow - 0.5)
    if (this.#slow < 40 || this.#quality <= 0.5) return
    this.#slow = 0
    this.#quality = Math.max(0.5, this.#quality - 0.25)
    this.#effects.amount = this.#quality
  }

  /** Moods change at a frame; the body follows. */
  #ease({ beast, phase, won }: State, dt: number): void {
    const towards = (from: number, to: number, speed: number): number =>
      from + (to - from) * Math.min(1, dt * speed)
    const fighting = phase === 'battle'
    const winding = fighting && beast.mood === 'windup'
    const striking = fighting && beast.mood === 'strike'
    const roars = beast.attack === 'roar'
    this.#open = towards(
      this.#open,
      striking && roars ? 1 : winding ? (roars ? 0.28 : 0.16) : 0.06,
      striking ? 24 : 7,
    )
    this.#crouch = towards(this.#crouch, winding ? 1 : 0, winding ? 6 : 16)
    this.#stun = towards(
      this.#stun,
      fighting && beast.mood === 'stunned' ? 1 : beast.mood === 'stagger' ? 0.25 : 0,
      9,
    )
    this.#rage = towards(this.#rage, fighting && beast.raging ? 1 : 0, 3)
    this.#fled = towards(this.#fled, phase === 'over' && won ? 1 : 0, phase === 'over' ? 1.1 : 30)
    this.#shake = Math.max(0, this.#shake - dt * 2.4)
  }

  #celebrate({ phase, won }: State, now: number): void {
    if (now < this.#nextFirework) return
    const feast = phase === 'over' && won
    this.#nextFirework = now + (feast ? 350 : 3_600) * (0.6 + Math.random())
    const y = lerp(this.insets.top + 20, this.#layout.horizon * 0.6, Math.random())
    this.#effects.firework(Math.random() * this.#layout.width, y, feast ? 190 : 80)
  }

  #tint(colour: string): void {
    this.#ctx.fillStyle = colour
    this.#ctx.fillRect(0, 0, this.#layout.width, this.#layout.height)
  }

  #decorate(t: number): void {
    const size = clamp(this.#layout.width / 9, 46, 92)
    paintLanterns(this.#ctx, this.#layout.width, Math.max(0, this.insets.top - 4) - size * 0.1, size, t)
    const tall = this.#layout.horizon - this.insets.top
    if (this.#layout.width > 760 && tall > 260 && this.insets.left === 0)
      paintCouplets(
        this.#ctx,
        this.#layout.width,
        this.insets.top + size * 0.6,
        Math.min(tall * 0.86, 420),
        t,
      )
  }

  #beast(state: State, ahead: number, t: number, now: number): void {
    const ctx = this.#ctx
    const { beast } = state
    const { x, y } = this.#layout.onBeast({ x: 0, y: 0 })
    // Having lost, it runs for the mountains.
    const scale = this.#layout.beastScale * lerp(1, 0.16, easeOut(this.#fled))
    if (this.#fled > 0.97) return
    const struck = clamp(1 - (now - this.#struckAt) / 420)
    const raise = beast.mood === 'windup' && beast.attack === 'claw' ? this.#crouch * 0.8 : 0
    const left = state.frame % 2 === 0 && struck > 0 ? struck : raise
    const aim = this.#aim(state)
    ctx.save()
    ctx.translate(
      x + this.#fled * this.#layout.width * 0.22,
      y + struck * 26 - this.#fled * (y - this.#layout.horizon) - Math.sin(this.#fled * 14) * 10 * this.#fled,
    )
    ctx.scale(scale, scale)
    paintBeast(ctx, {
      t,
      open: this.#open,
      crouch: this.#crouch - struck * 0.6,
      rage: this.#rage,
      stun: this.#stun,
      jewel: beast.mood === 'stunned' ? 1 : beast.mood === 'stagger' ? 0.7 : 0,
      pawLeft: raise > 0 ? raise : left,
      pawRight: raise > 0 ? raise * 0.35 : struck,
      hit: clamp(1 - (now - this.#hitAt) / 160),
      look: aim,
    })
    ctx.restore()
    if (this.#crouch > 0.3 || this.#rage > 0.5) this.#steam()
    this.#roar(now)
    if (state.phase === 'battle' && beast.mood === 'windup') this.#warn(state, ahead, t)
  }

  /** It looks at whom it is after, else around. */
  #aim(state: State): Point {
    const first = state.beast.attack === 'claw' ? state.beast.targets[0] : undefined
    const place = first === undefined ? null : this.#layout.placeOf(state, first)
    if (place !== null) return { x: clamp((place.x / this.#layout.width - 0.5) * 2.4, -1, 1), y: 0.8 }
    const t = this.#drawnAt / 1000
    return { x: Math.sin(t * 0.8) * 0.7, y: 0.25 + Math.sin(t * 0.53) * 0.3 }
  }

  #steam(): void {
    if (Math.random() > 0.4) return
    const side = Math.random() < 0.5 ? -1 : 1
    const { x, y } = this.#layout.onBeast({ x: side * 20, y: HEAD.y + 24 })
    this.#effects.steam(x, y, side)
  }

  #roar(now: number): void {
    const since = (now - this.#roaredAt) / 650
    if (since > 1) return
    const ctx = this.#ctx
    const { x, y } = this.#layout.onBeast(MOUTH)
    ctx.globalCompositeOperation = 'lighter'
    for (let i = 0; i < 4; i++) {
      const share = since * 1.3 - i * 0.12
      if (share <= 0 || share > 1) continue
      ctx.strokeStyle = `rgb(255 ${150 + i * 20} 90 / ${0.5 * (1 - share)})`
      ctx.lineWidth = 16 * (1 - share) + 2
      ellipse(ctx, x, y, this.#layout.width * 0.62 * share, this.#layout.height * 0.42 * share)
      ctx.stroke()
    }
    ctx.globalCompositeOperation = 'source-over'
  }

  /** A ring closes around each fighter that the attack is for; in gold it is time. */
  #warn(state: State, ahead: number, t: number): void {
    const { beast } = state
    const ctx = this.#ctx
    const left = Math.max(0, beast.left - ahead)
    const due = left <= times.perfect
    for (const id of beast.targets) {
      const place = this.#layout.placeOf(state, id)
      if (place === null) continue
      const own = id === this.own
      const y = place.y - 42 * place.scale
      const r = (44 + (left / beast.length) * 64) * place.scale
      ctx.strokeStyle = due ? '#ffe34d' : '#ff4433'
      ctx.globalAlpha = own ? 1 : 0.55
      ctx.lineWidth = own ? 4.5 : 2.5
      ellipse(ctx, place.x, y, r, r)
      ctx.stroke()
      ctx.globalAlpha = own ? 0.8 : 0.35
      ctx.lineWidth = 1.5
      ellipse(ctx, place.x, y, 44 * place.scale, 44 * place.scale)
      ctx.stroke()
      ctx.globalAlpha = 1
      if (own && due) {
        ctx.font = `800 ${20 + Math.sin(t * 20) * 2}px system-ui, 'Noto Sans CJK SC', sans-serif`
        ctx.textAlign = 'center'
        ctx.lineWidth = 5
        ctx.strokeStyle = 'rgb(70 5 20 / 90%)'
        ctx.strokeText(text.now, place.x, y - 58 * place.scale)
        ctx.fillStyle = '#ffe34d'
        ctx.fillText(text.now, place.x, y - 58 * place.scale)
      }
    }
  }

  #heroes(state: State, ahead: number, t: number, now: number): void {
    const ctx = this.#ctx
    const fighters = fightersOf(state)
    const order = fighters.map((player, index) => ({
      player,
      place: this.#layout.place(index, fighters.length),
    }))
    // Of two rows, the one behind first.
    order.sort((a, b) => a.place.y - b.place.y)
    for (const { player, place } of order) {
      const memory = this.#memory(player.id)
      const fighting = state.phase === 'battle'
      const charging = player.charge >= 0 ? player.charge + ahead : -1
      ctx.save()
      ctx.translate(place.x, place.y)
      ctx.scale(place.scale, place.scale)
      paintHero(ctx, {
        t,
        colour: colourOf(player.id),
        own: player.id === this.own,
        bot: player.bot,
        gone: player.slot < 0 || player.away,
        threw: clamp(1 - (now - memory.threw) / 260),
        hurt: clamp(1 - (now - memory.hurt) / 500),
        cheer: state.phase === 'over' && state.won ? 1 : 0,
        charge: charging < 0 ? -1 : clamp(charging / times.chargeFull),
        guard: fighting ? clamp(player.guard / times.guard) : 0,
        down: (fighting && player.down > 0) || (state.phase === 'over' && !state.won && !isUp(player)),
        spared: fighting && player.spared > 0,
        hat: player.id,
      })
      ctx.restore()
    }
    // In front of all, or those in front would hide the names of those behind.
    for (const { player, place } of order) {
      const name = { name: playerName(player.user), own: player.id === this.own, width: place.room }
      const hearts = state.phase === 'battle' ? player.hearts : -1
      paintLabel(ctx, place.x, place.y - (HERO_HEIGHT + 14) * place.scale, place.y + 8 * place.scale, {
        ...name,
        hearts,
      })
    }
  }

  #shot(state: State, shot: Shot, ahead: number, t: number): void {
    const place = this.#layout.placeOf(state, shot.player)
    if (place === null) return
    const ctx = this.#ctx
    const share = clamp((state.frame + ahead - shot.from) / (shot.lands - shot.from))
    const from = { x: place.x + 14 * place.scale, y: place.y - 74 * place.scale }
    const to = this.#layout.target(shot.player * 1_000 + shot.lands)
    const x = lerp(from.x, to.x, share)
    const arc = shot.rocket ? 26 : 90
    const y = lerp(from.y, to.y, share) - Math.sin(share * Math.PI) * arc * this.#layout.beastScale
    ctx.save()
    ctx.translate(x, y)
    if (shot.rocket) ctx.rotate(Math.atan2(to.y - from.y, to.x - from.x) + Math.PI / 2)
    else ctx.rotate(t * 12 + shot.id)
    const scale = (shot.rocket ? 1.2 + shot.power / 160 : 1) * clamp(place.scale, 0.7, 1.1)
    ctx.scale(scale, scale)
    if (shot.rocket) rocket(ctx)
    else cracker(ctx)
    ctx.restore()
    ctx.globalCompositeOperation = 'lighter'
    glow(ctx, x, y, shot.rocket ? 34 : 16, '#ffb14a', 0.7)
    ctx.globalCompositeOperation = 'source-over'
    this.#effects.trail(x, y)
  }

  #vignette(strength: number): void {
    const ctx = this.#ctx
    const [x, y] = [this.#layout.width / 2, this.#layout.height / 2]
    const edge = ctx.createRadialGradient(x, y, Math.min(x, y) * 0.7, x, y, Math.hypot(x, y))
    edge.addColorStop(0, 'rgb(220 10 20 / 0%)')
    edge.addColorStop(1, `rgb(220 10 20 / ${0.6 * strength})`)
    ctx.fillStyle = edge
    ctx.fillRect(0, 0, this.#layout.width, this.#layout.height)
  }
}
