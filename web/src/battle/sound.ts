import type { Happening } from '../../../src/demo/battle/index.ts'

/* All sounds are made here from noise and tones: nothing to load. */

const KEY = 'rtms.battle.sound'
/** Bangs at once; more would only be louder. */
const MOST_BANGS = 6

export class Sound {
  #on: boolean = localStorage.getItem(KEY) !== 'off'
  #context: AudioContext | null = null
  #out: GainNode | null = null
  #noise: AudioBuffer | null = null
  #bangs = 0

  get on(): boolean {
    return this.#on
  }

  set on(on: boolean) {
    this.#on = on
    localStorage.setItem(KEY, on ? 'on' : 'off')
    if (on) this.wake()
    else void this.#context?.suspend()
  }

  /** Browsers let a page sound once its visitor has done something: to be called then. */
  wake(): void {
    if (!this.#on) return
    if (this.#context === null) this.#make()
    if (this.#context?.state === 'suspended') void this.#context.resume().catch(() => {})
  }

  #make(): void {
    const context = new AudioContext()
    const squeeze = context.createDynamicsCompressor()
    const out = context.createGain()
    out.gain.value = 0.5
    out.connect(squeeze).connect(context.destination)
    const noise = context.createBuffer(1, context.sampleRate, context.sampleRate)
    const samples = noise.getChannelData(0)
    for (let i = 0; i < samples.length; i++) samples[i] = Math.random() * 2 - 1
    this.#context = context
    this.#out = out
    this.#noise = noise
  }

  /** What happened in a frame that is seen live. `own` is the own player's id. */
  play(happening: Happening, own: number): void {
    if (!this.#on || this.#context?.state !== 'running') return
    switch (happening.type) {
      case 'count':
        this.#drum(110, 0.7)
        break
      case 'begin':
        this.#gong(150)
        break
      case 'throw':
        if (happening.player === own) this.#burst(2_600, 0.07, 0.06, 0)
        break
      case 'hit':
        this.#bang(happening.rocket, happening.player === own)
        break
      case 'windup':
        this.#tone('sawtooth', happening.attack === 'roar' ? 62 : 92, 130, 0.5, 0.16)
        break
      case 'strike':
        if (happening.attack === 'roar') this.#roar()
        else this.#burst(1_200, 0.22, 0.4, 0)
        break
      case 'hurt':
        if (happening.player === own) this.#drum(70, 0.9)
        break
      case 'guarded':
        if (happening.player === own) this.#ding(happening.perfect ? 1_320 : 880)
        break
      case 'down':
        if (happening.player === own) this.#tone('triangle', 320, 90, 0.6, 0.3)
        break
      case 'up':
        if (happening.player === own) this.#tone('triangle', 260, 520, 0.25, 0.25)
        break
      case 'stunned':
        this.#gong(210)
        break
      case 'rage':
        this.#roar()
        break
      case 'over':
        this.#ending(happening.won)
        break
    }
  }

  #bang(rocket: boolean, own: boolean): void {
    if (this.#bangs >= MOST_BANGS) return
    this.#bangs++
    setTimeout(() => this.#bangs--, 120)
    const loud = own ? 0.5 : 0.24
    if (rocket) {
      this.#drum(64, loud + 0.3)
      this.#burst(700, 0.5, loud, 0)
      for (let i = 0; i < 5; i++) this.#burst(3_000, 0.06, loud * 0.5, 0.12 + i * 0.06)
    } else {
      this.#burst(1_900, 0.12, loud, 0)
      this.#burst(3_400, 0.05, loud * 0.6, 0.05)
    }
  }

  /** Noise through a band, dying away. */
  #burst(frequency: number, seconds: number, loud: number, delay: number): void {
    const [context, out] = [this.#context, this.#out]
    if (context === null || out === null) return
    const at = context.currentTime + delay
    const source = context.createBufferSource()
    source.buffer = this.#noise
    const band = context.createBiquadFilter()
    band.type = 'bandpass'
    band.frequency.value = frequency * (0.85 + Math.random() * 0.3)
    band.Q.value = 0.8
    source
      .connect(band)
      .connect(this.#fade(at, seconds, loud))
      .connect(out)
    source.start(at, Math.random() * 0.5, seconds)
  }

  #fade(at: number, seconds: number, loud: number): GainNode {
    const gain = (this.#context as AudioContext).createGain()
    gain.gain.setValueAtTime(loud, at)
    gain.gain.exponentialRampToValueAtTime(0.001, at + seconds)
    return gain
  }

  #tone(type: OscillatorType, from: number, to: number, seconds: number, loud: number, delay = 0): void {
    const [context, out] = [this.#context, this.#out]
    if (context === null || out === null) return
    const at = context.currentTime + delay
    const tone = context.createOscillator()
    tone.type = type
    tone.frequency.setValueAtTime(from, at)
    tone.frequency.exponentialRampToValueAtTime(to, at + seconds)
    tone.connect(this.#fade(at, seconds, loud)).connect(out)
    tone.start(at)
    tone.stop(at + seconds)
  }

  #drum(frequency: number, loud: number): void {
    this.#tone('sine', frequency * 1.8, frequency * 0.6, 0.4, loud)
    this.#burst(300, 0.12, loud * 0.5, 0)
  }

  #ding(frequency: number): void {
    this.#tone('sine', frequency, frequency, 0.5, 0.3)
    this.#tone('sine', frequency * 2.76, frequency * 2.76, 0.3, 0.12)
  }

  #gong(frequency: number): void {
    for (const [factor, loud] of [
      [1, 0.4],
      [1.48, 0.25],
      [2.31, 0.18],
      [3.1, 0.1],
    ] as const)
      this.#tone('sine', frequency * factor, frequency * factor * 0.98, 1.6, loud)
    this.#burst(4_200, 0.9, 0.12, 0)
  }

  #roar(): void {
    this.#tone('sawtooth', 150, 46, 0.9, 0.4)
    this.#tone('square', 96, 38, 0.9, 0.16)
    this.#burst(420, 0.9, 0.6, 0)
  }

  #ending(won: boolean): void {
    // Five tones, as the tunes of the new year have them.
    const tune = won ? [392, 440, 523, 587, 659, 784] : [330, 294, 262, 196]
    tune.forEach((tone, i) =>
      this.#tone('triangle', tone, tone, won ? 0.42 : 0.6, 0.3, i * (won ? 0.14 : 0.24)),
    )
    if (won) this.#gong(196)
  }
}
