import { defaultRetention, type Retention } from '../../core/index.ts'
import { isPattern, patternFault } from '../../protocol/index.ts'
import { isObject } from '../ground/check.ts'
import { notAnOption } from '../../spelling/meant.ts'
import { show } from '../ground/show.ts'

/** What topics keep, by names or patterns (`stock.*`): as `rtms.topics.define` takes it. */
export type TopicsOptions = Readonly<Record<string, { readonly [K in keyof Retention]?: number | undefined }>>

/** What is wrong with the option `topics`: a line for each fault. */
export function topicsFaults(topics: unknown): string[] {
  if (topics === undefined) return []
  if (isObject(topics))
    return Object.entries(topics).flatMap(([pattern, kept]) =>
      retentionFaults(pattern, kept).map((fault) => `topics[${JSON.stringify(pattern)}]${fault}`),
    )
  return [
    `topics: ${show(topics)} was given; expected what topics keep, by names or patterns: ` +
      '{ "stock.*": { "entries": 500 } }; leave it out for the defaults',
  ]
}

function retentionFaults(pattern: string, kept: unknown): string[] {
  if (!isPattern(pattern))
    return [
      `: it is neither the name of a topic nor a pattern: ${patternFault(pattern)}; expected a name, a prefix and .*, or *`,
    ]
  const names = Object.keys(defaultRetention)
  if (!isObject(kept)) return [`: ${show(kept)} was given; expected an object with ${names.join(', ')}`]
  return Object.entries(kept).flatMap(([name, value]) => {
    if (!names.includes(name)) return [`.${name}: ${notAnOption(name, names)}`]
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0)) return []
    const usual = defaultRetention[name as keyof Retention]
    return [
      `.${name}: ${show(value)} was given; expected an integer of at least 0; leave it out for ${usual}`,
    ]
  })
}
