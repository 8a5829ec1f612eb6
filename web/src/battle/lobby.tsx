import { Fragment } from 'preact'
import { useState } from 'preact/hooks'
import { hostOf, MAX_FIGHTERS, MIN_SEATS, type Player, type State } from '../../../src/demo/battle/index.ts'
import { Who } from '../shell/visit.tsx'
import type { Game } from './game.ts'
import { Invite } from './invite.tsx'
import { playerName } from './names.ts'
import { colourOf } from './scene/paint.ts'
import { text } from './words.ts'

interface Props {
  readonly game: Game
  readonly state: State
}

/** Before the first battle, and below the results of the last one. */
export function Lobby({ game, state, name }: Props & { readonly name: string }) {
  return (
    <div class="lobby">
      <div class="column">
        <Room game={game} state={state} />
        {state.phase === 'over' ? <Who name={name} room={game.room} /> : <HowTo />}
      </div>
      <div class="column">
        <Invite room={game.room} />
        {state.phase !== 'over' && <Who name={name} room={game.room} />}
      </div>
    </div>
  )
}

function Room({ game, state }: Props) {
  const own = game.own
  const host = hostOf(state)
  const isHost = own !== undefined && own === host
  const people = state.players.filter((player) => !player.bot && !player.away)
  const again = state.phase === 'over'
  return (
    <section class="card room" aria-labelledby="room-title">
      <h2 id="room-title">{text.players(Math.min(state.players.length, MAX_FIGHTERS), MAX_FIGHTERS)}</h2>
      <ul class="players" id="players">
        {state.players.map((player, place) => (
          <Row key={player.id} player={player} own={player === own} host={player === host} place={place} />
        ))}
      </ul>
      <div class="begin">
        {isHost && (
          <button type="button" id="start" onClick={() => game.send({ do: 'start' })}>
            {again ? text.rematch : text.start}
          </button>
        )}
        {own !== undefined && !(isHost && people.length === 1) && (
          <button
            type="button"
            id="ready"
            class={isHost || own.ready ? 'quiet' : ''}
            aria-pressed={own.ready}
            onClick={() => game.send({ do: 'ready', on: !own.ready })}
          >
            {own.ready ? text.beUnready : text.beReady}
          </button>
        )}
      </div>
      <p class="hint">
        {again && people.length > 1
          ? text.rematchWaits(people.filter(({ ready }) => ready).length, people.length)
          : own === undefined
            ? text.elsewhere
            : text.hostStarts}
      </p>
      <Settings game={game} state={state} host={host} isHost={isHost} />
    </section>
  )
}

function Row({
  player,
  own,
  host,
  place,
}: {
  readonly player: Player
  readonly own: boolean
  readonly host: boolean
  readonly place: number
}) {
  const name = playerName(player.user)
  const notes = [own && text.you, host && text.host, player.bot && text.bot].filter((note) => note !== false)
  const ready = player.bot || player.ready
  return (
    <li class="player" data-away={player.away || undefined} data-user={name}>
      <span class="avatar" style={{ background: colourOf(player.id) }} aria-hidden="true">
        {Array.from(name)[0]}
      </span>
      <span class="player-name">{name}</span>
      {notes.length > 0 && <span class="notes">{notes.join(' · ')}</span>}
      <span class={ready ? 'mark ok' : 'mark'}>
        {player.away ? text.away : place >= MAX_FIGHTERS ? text.onlooker : ready ? text.ready : text.notReady}
      </span>
    </li>
  )
}

function Settings({
  game,
  state,
  host,
  isHost,
}: Props & { readonly host: Player | undefined; readonly isHost: boolean }) {
  // While the host drags, the slider is the host's; the room's answer comes a frame later.
  const [dragged, setDragged] = useState<number | null>(null)
  const seats = dragged ?? state.seats
  const set = (seats: number, long: boolean): void => game.send({ do: 'set', seats, long })
  return (
    <fieldset class="settings" disabled={!isHost}>
      <label>
        <span>
          {text.seats}: <output>{seats}</output>
        </span>
        <input
          id="seats"
          type="range"
          min={MIN_SEATS}
          max={MAX_FIGHTERS}
          step={1}
          value={seats}
          onInput={(event) => {
            const wanted = event.currentTarget.valueAsNumber
            setDragged(wanted)
            set(wanted, state.long)
          }}
          onChange={() => setDragged(null)}
          onBlur={() => setDragged(null)}
        />
      </label>
      <div class="choice" role="radiogroup" aria-label={text.length}>
        {[false, true].map((long) => (
          <label key={String(long)}>
            <input
              type="radio"
              name="long"
              checked={state.long === long}
              onChange={() => set(state.seats, long)}
            />
            {long ? text.long : text.quick}
          </label>
        ))}
      </div>
      <p class="hint">
        {isHost || host === undefined ? text.seatsHint : text.hostSets(playerName(host.user))}
      </p>
    </fieldset>
  )
}

function HowTo() {
  return (
    <section class="card how" aria-labelledby="how-title">
      <h2 id="how-title">{text.how}</h2>
      <dl>
        {(['throwIt', 'rocket', 'guard'] as const).map((deed) => (
          <Fragment key={deed}>
            <dt>
              {text[deed]} <kbd>{text.keys[deed]}</kbd>
              <span class="touch">{text.touch[deed]}</span>
            </dt>
            <dd>{text.hints[deed]}</dd>
          </Fragment>
        ))}
        <dt>{text.together}</dt>
        <dd>{text.togetherHint}</dd>
      </dl>
    </section>
  )
}
