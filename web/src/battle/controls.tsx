import { useEffect, useRef, useState } from 'preact/hooks'
import type { Player } from '../../../src/demo/battle/index.ts'
import { times } from '../../../src/demo/battle/index.ts'
import type { Game } from './game.ts'
import { text } from './words.ts'

/** What a button does while it is held down, and when it is let go. */
interface Deed {
  press(): void
  release(): void
}

function deedsOf(game: Game): Readonly<Record<'throw' | 'rocket' | 'guard', Deed>> {
  return {
    throw: { press: () => game.throwing(true), release: () => game.throwing(false) },
    rocket: {
      press: () => game.send({ do: 'charge' }),
      release: () => game.send({ do: 'loose' }),
    },
    guard: {
      press: () => game.send({ do: 'guard', on: true }),
      release: () => game.send({ do: 'guard', on: false }),
    },
  }
}

const keys: Readonly<Record<string, 'throw' | 'rocket' | 'guard'>> = {
  ' ': 'throw',
  f: 'rocket',
  g: 'guard',
}

/** Whether a key stroke fights, unless it is typed into a field. */
export const isGameKey = ({ key, target }: KeyboardEvent): boolean =>
  keys[key.toLowerCase()] !== undefined && !(target instanceof HTMLInputElement && target.type === 'text')

/** The three things that a fighter can do: by touch, mouse, keys, or whatever presses buttons. */
export function Controls({ game, own }: { readonly game: Game; readonly own: Player | undefined }) {
  const deeds = useRef(deedsOf(game)).current
  useKeys(deeds)
  const able = own !== undefined && own.fighting && own.down === 0
  const charge = own === undefined || own.charge < 0 ? 0 : own.charge / times.chargeFull
  const guard = own === undefined ? 0 : own.guard > 0 ? own.guard / times.guard : 0
  return (
    <div class="controls" role="group" aria-label={text.how}>
      <Deed
        name="rocket"
        deed={deeds.rocket}
        label={text.rocket}
        hint={text.keys.rocket}
        fill={charge}
        able={able}
      />
      <Deed
        name="throw"
        deed={deeds.throw}
        label={text.throwIt}
        hint={text.keys.throwIt}
        fill={0}
        able={able}
      />
      <Deed
        name="guard"
        deed={deeds.guard}
        label={text.guard}
        hint={text.keys.guard}
        fill={guard}
        able={able && (own?.guardRest ?? 0) === 0}
      />
    </div>
  )
}

function Deed({
  name,
  deed,
  label,
  hint,
  fill,
  able,
}: {
  readonly name: 'throw' | 'rocket' | 'guard'
  readonly deed: Deed
  readonly label: string
  readonly hint: string
  readonly fill: number
  readonly able: boolean
}) {
  const [held, setHeld] = useState(false)
  const change = (down: boolean): void => {
    setHeld(down)
    if (down) deed.press()
    else deed.release()
  }
  return (
    <button
      type="button"
      class={`deed deed-${name}`}
      id={name}
      aria-disabled={!able}
      aria-keyshortcuts={name === 'throw' ? 'Space' : hint}
      data-held={held || undefined}
      style={{ '--fill': `${Math.round(fill * 100)}%` }}
      onPointerDown={(event) => {
        if (event.button !== 0) return
        event.currentTarget.setPointerCapture(event.pointerId)
        change(true)
      }}
      onPointerUp={() => held && change(false)}
      onPointerCancel={() => held && change(false)}
      onContextMenu={(event) => event.preventDefault()}
      // A press that no pointer made, by Enter or a screen reader, has no length: the next one lets go.
      onClick={(event) => {
        if (event.detail !== 0) return
        if (name === 'throw') {
          deed.press()
          deed.release()
        } else change(!held)
      }}
    >
      <Icon name={name} />
      <span class="deed-label">{label}</span>
      <kbd>{hint}</kbd>
    </button>
  )
}

function Icon({ name }: { readonly name: 'throw' | 'rocket' | 'guard' }) {
  return (
    <svg viewBox="0 0 48 48" width="48" height="48" aria-hidden="true">
      {name === 'throw' && (
        <g>
          <path
            d="M25 13c2-5 7-6 11-4"
            fill="none"
            stroke="#ffe9b0"
            stroke-width="2.5"
            stroke-linecap="round"
          />
          <path d="m38 3 1.6 3.9L44 8l-4.4 1.6L38 14l-1.6-4.4L32 8l4.4-1.1z" fill="#fff3b8" />
          <rect
            x="15"
            y="14"
            width="19"
            height="29"
            rx="4"
            fill="#e8242f"
            stroke="#ffd267"
            stroke-width="2"
          />
          <path d="M15 21h19M15 36h19" stroke="#ffd267" stroke-width="3" />
        </g>
      )}
      {name === 'rocket' && (
        <g>
          <path
            d="M24 3c6 6 9 13 9 20v9H15v-9c0-7 3-14 9-20z"
            fill="#e8242f"
            stroke="#ffd267"
            stroke-width="2"
          />
          <circle cx="24" cy="20" r="4.5" fill="#ffe9b0" />
          <path d="M15 26 8 35l7-1zM33 26l7 9-7-1z" fill="#ffb03a" />
          <path d="M19 34c0 6 5 11 5 11s5-5 5-11z" fill="#ffd93b" />
        </g>
      )}
      {name === 'guard' && (
        <g>
          <path d="m24 3 21 21-21 21L3 24z" fill="#e8242f" stroke="#ffd267" stroke-width="2.5" />
          <text x="24" y="32" text-anchor="middle" font-size="22" font-weight="700" fill="#ffe08a">
            福
          </text>
        </g>
      )}
    </svg>
  )
}

/** Keys work wherever the focus is, and a held key is one press. */
function useKeys(deeds: Readonly<Record<'throw' | 'rocket' | 'guard', Deed>>): void {
  useEffect(() => {
    const held = new Set<string>()
    const release = (key: string): void => {
      const name = keys[key]
      if (name !== undefined && held.delete(key)) deeds[name].release()
    }
    const down = (event: KeyboardEvent): void => {
      const key = event.key.toLowerCase()
      const name = keys[key]
      if (name === undefined || event.altKey || event.ctrlKey || event.metaKey) return
      // Space is a throw, except on a button that does something else.
      if (
        key === ' ' &&
        event.target instanceof Element &&
        event.target.closest('button:not(.deed), a') !== null
      )
        return
      event.preventDefault()
      if (event.repeat || held.has(key)) return
      held.add(key)
      deeds[name].press()
    }
    const up = (event: KeyboardEvent): void => {
      const key = event.key.toLowerCase()
      // A button would take the end of a space for a click.
      if (held.has(key)) event.preventDefault()
      release(key)
    }
    const all = (): void => {
      for (const key of held) release(key)
    }
    addEventListener('keydown', down)
    addEventListener('keyup', up)
    addEventListener('blur', all)
    return () => {
      all()
      removeEventListener('keydown', down)
      removeEventListener('keyup', up)
      removeEventListener('blur', all)
    }
  }, [deeds])
}
