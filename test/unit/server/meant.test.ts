import { describe, expect, it } from 'vitest'
import { notAnOption } from '../../../src/spelling/meant.ts'
import { settle } from '../../../src/server/options/options.ts'
import { checkOptions, kindSchema, optionsSchema } from '../../../src/server/business/meeting-options.ts'

const said = (act: () => unknown): string => {
  try {
    act()
    return ''
  } catch (error) {
    return (error as Error).message
  }
}

describe('An option that is none', () => {
  const known = ['frameRate', 'capacity', 'ttlMs', 'inputsPerSecond']

  it.each([
    ['framerate', 'frameRate'],
    ['frame_rate', 'frameRate'],
    ['Capacity', 'capacity'],
    ['capacitiy', 'capacity'],
    ['ttl', 'ttlMs'],
    ['inputPerSeconds', 'inputsPerSecond'],
  ])('%s stands for %s', (name, meant) => {
    expect(notAnOption(name, known)).toBe(`it is not an option; did you mean ${meant}?`)
  })

  it.each(['colour', 'x', '', 'inputs', 'rate'])('%s stands for none', (name) => {
    expect(notAnOption(name, known)).toBe(
      `it is not an option; expected one of ${known.join(', ')}; remove it`,
    )
  })

  it('is told where it was given: to a node, a limit, a meeting and a kind', () => {
    const options = {
      secret: 's'.repeat(32),
      publicURL: 'wss://a',
      limits: { sesionKeepMs: 1 },
      api: { key: [] },
    }
    expect(said(() => settle(options as never))).toMatch(
      /limits\.sesionKeepMs: it is not an option; did you mean sessionKeepMs\?[^]*publicURL: it is not an option; did you mean publicUrl\?/,
    )
    const wrong = { framerate: 20 } as never
    const told = '  framerate: it is not an option; did you mean frameRate?'
    expect(said(() => checkOptions('the meeting a cannot be opened', optionsSchema, wrong))).toContain(told)
    expect(said(() => checkOptions('the kind a cannot be defined', kindSchema, wrong))).toContain(told)
  })
})
