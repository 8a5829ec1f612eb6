import type { Observer } from './observer.ts'

type Listener = (...args: unknown[]) => void

/** Combines observers into one. */
export function fanOut(observers: readonly Observer[]): Observer {
  const all = new Map<string, Listener[]>()
  for (const observer of observers) {
    for (const [name, listener] of listenersOf(observer)) all.set(name, [...(all.get(name) ?? []), listener])
  }
  return Object.fromEntries(
    [...all].map(([name, listeners]) => [
      name,
      (...args: unknown[]) => {
        for (const listener of listeners) listener(...args)
      },
    ]),
  )
}

function listenersOf(observer: Observer): [string, Listener][] {
  const owner =
    Object.getPrototypeOf(observer) === Object.prototype ? observer : Object.getPrototypeOf(observer)
  return Object.entries(Object.getOwnPropertyDescriptors(owner as object))
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    .map(([name, { value }]) => [name, (value as Listener).bind(observer)])
}
