import { matches } from '../../protocol/names.ts'
import { defaultRetention, type Retention } from '../ground/config.ts'
import type { TopicHost } from './topic.ts'

/** The retentions that are defined for patterns of names. All topics of a pattern share the same settings. */
export class Retentions {
  readonly #make: (retention: Retention) => TopicHost
  readonly #defaults: TopicHost
  readonly #defined: { readonly pattern: string; readonly host: TopicHost }[] = []

  constructor(make: (retention: Retention) => TopicHost) {
    this.#make = make
    this.#defaults = make(defaultRetention)
  }

  define(pattern: string, retention: Retention): void {
    this.#defined.push({ pattern, host: this.#make(retention) })
  }

  /** Of a topic with this name: those of the first pattern that matches. */
  of(name: string): TopicHost {
    return this.#defined.find(({ pattern }) => matches(pattern, name))?.host ?? this.#defaults
  }
}
