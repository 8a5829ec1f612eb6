import { MAX_FIGHTERS, MIN_SEATS } from './state.ts'

/** What a player may ask for. `seed` is the server's stamp, whatever a client wrote there. */
export type Wish =
  | { readonly do: 'ready'; readonly on: boolean; readonly seed?: number }
  | { readonly do: 'start'; readonly seed?: number }
  | { readonly do: 'set'; readonly seats: number; readonly long: boolean }
  | { readonly do: 'throw' | 'charge' | 'loose' }
  | { readonly do: 'guard'; readonly on: boolean }

/** What an input says, or null: the engine forwards whatever anybody sends. */
export function wishOf(data: unknown): Wish | null {
  if (typeof data !== 'object' || data === null) return null
  const wish = data as { readonly [key: string]: unknown }
  const seed = isSeed(wish['seed']) ? { seed: wish['seed'] } : {}
  switch (wish['do']) {
    case 'throw':
    case 'charge':
    case 'loose':
      return { do: wish['do'] }
    case 'start':
      return { do: 'start', ...seed }
    case 'ready':
      return typeof wish['on'] === 'boolean' ? { do: 'ready', on: wish['on'], ...seed } : null
    case 'guard':
      return typeof wish['on'] === 'boolean' ? { do: 'guard', on: wish['on'] } : null
    case 'set':
      return isSeats(wish['seats']) && typeof wish['long'] === 'boolean'
        ? { do: 'set', seats: wish['seats'], long: wish['long'] }
        : null
    default:
      return null
  }
}

const isSeed = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) > 0 && (value as number) < 2 ** 32

const isSeats = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= MIN_SEATS && (value as number) <= MAX_FIGHTERS
