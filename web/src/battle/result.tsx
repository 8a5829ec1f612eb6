import type { Medal, Result, State } from '../../../src/demo/battle/index.ts'
import type { Game } from './game.ts'
import { playerName } from './names.ts'
import { colourOf } from './scene/paint.ts'
import { text } from './words.ts'

const number = (value: number): string => value.toLocaleString('en')

/** How it ended: for oneself, by the server's word, and for everybody. */
export function Results({ game, state }: { readonly game: Game; readonly state: State }) {
  return (
    <div class="results">
      <Own game={game} state={state} />
      <section class="card everybody" aria-labelledby="everybody-title">
        <h2 id="everybody-title">{text.everybody}</h2>
        <div class="scroll" tabIndex={0} role="region" aria-labelledby="everybody-title">
          <table>
            <thead>
              <tr>
                <th scope="col">{text.rank}</th>
                <th scope="col">{text.player}</th>
                <th scope="col">{text.damage}</th>
                <th scope="col">{text.hits}</th>
                <th scope="col">{text.togetherHits}</th>
                <th scope="col">{text.perfects}</th>
                <th scope="col">{text.falls}</th>
              </tr>
            </thead>
            <tbody>
              {state.results.map((result) => (
                <Row key={result.id} result={result} own={result.id === game.own?.id} />
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
  )
}

function Own({ game, state }: { readonly game: Game; readonly state: State }) {
  const own = state.results.find(({ user }) => user === game.client.user)
  const told = game.result?.round === state.round ? game.result : null
  return (
    <section class="card own" aria-labelledby="own-title">
      <h2 id="own-title">{text.yourResult}</h2>
      {own === undefined ? (
        <p>{text.noResult}</p>
      ) : told === null ? (
        <p role="status">{text.waitingResult}</p>
      ) : (
        <div id="own-result" data-rank={told.rank} data-damage={told.damage}>
          <p class="own-rank">
            <strong>{told.rank}</strong>
            <span>{text.rankOf(told.fighters)}</span>
          </p>
          <p class="own-damage">
            <strong>{number(told.damage)}</strong>
            <span>{text.damage}</span>
          </p>
          {told.medals.length > 0 && (
            <ul class="medals" aria-label={text.medalsTitle}>
              {told.medals.map((medal) => (
                <li key={medal}>
                  <MedalSign medal={medal} />
                  <strong>{text.medals[medal].name}</strong>
                  <span>{text.medals[medal].why}</span>
                </li>
              ))}
            </ul>
          )}
          <p class="hint">{text.fromServer}</p>
        </div>
      )}
    </section>
  )
}

function Row({ result, own }: { readonly result: Result; readonly own: boolean }) {
  const name = playerName(result.user)
  return (
    <tr data-own={own || undefined}>
      <td>{result.rank}</td>
      <th scope="row">
        <span class="result-name">
          <span class="avatar" style={{ background: colourOf(result.id) }} aria-hidden="true">
            {Array.from(name)[0]}
          </span>
          <span class="player-name">{name}</span>
          {result.medals.map((medal) => (
            <span class="small-medal" key={medal} title={text.medals[medal].name}>
              <MedalSign medal={medal} />
            </span>
          ))}
        </span>
      </th>
      <td>{number(result.damage)}</td>
      <td>{number(result.hits)}</td>
      <td>{number(result.together)}</td>
      <td>{number(result.perfect)}</td>
      <td>{number(result.falls)}</td>
    </tr>
  )
}

const signs: Readonly<Record<Medal, string>> = {
  thunder: 'M27 11 17 27h6l-3 11 12-17h-7z',
  lastBlow: 'm24 12 3.4 7 7.6 1-5.6 5.4 1.4 7.6-6.8-3.7-6.8 3.7 1.4-7.6L13 20l7.6-1z',
  shield: 'M24 11c4 3 8 4 11 4 0 9-3 17-11 21-8-4-11-12-11-21 3 0 7-1 11-4z',
  chorus: 'M17 31a4 4 0 1 1-2-5V15l16-3v14a4 4 0 1 1-2-3v-6l-12 2z',
  unhurt: 'M24 36C12 27 12 16 18 15c3 0 5 2 6 4 1-2 3-4 6-4 6 1 6 12-6 21z',
}

function MedalSign({ medal }: { readonly medal: Medal }) {
  return (
    <svg viewBox="0 0 48 48" class="medal" role="img" aria-label={text.medals[medal].name}>
      <circle cx="24" cy="24" r="22" class="medal-rim" />
      <circle cx="24" cy="24" r="18" class="medal-face" />
      <path d={signs[medal]} class="medal-sign" />
    </svg>
  )
}
