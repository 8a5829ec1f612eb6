import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { busOf } from '../../../src/cli/serve/cluster.ts'
import { settingsOf } from '../../../src/cli/serve/settings.ts'

const long = (letter: string): string => letter.repeat(32)
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rtms-settings-'))
  for (const name of Object.keys(process.env)) if (name.startsWith('RTMS_')) vi.stubEnv(name, undefined)
})
afterEach(() => {
  rmSync(folder, { recursive: true })
  vi.unstubAllEnvs()
})

/** The settings by these options, variables and file, and what was warned of. */
async function settle(options: object, env: Record<string, string> = {}, file?: object) {
  for (const [name, value] of Object.entries({ RTMS_SECRET: long('s'), ...env })) vi.stubEnv(name, value)
  const config = join(folder, 'rtms.json')
  if (file !== undefined) writeFileSync(config, JSON.stringify(file))
  const warnings: string[] = []
  const given = { dev: false, json: false, ...(file === undefined ? {} : { config }), ...options }
  const { settings } = await settingsOf(given, (message) => warnings.push(message))
  return { settings, warnings }
}

describe('The URL for requests and its secret', () => {
  const url = 'http://a/'
  const ofFile = { url: 'http://file/', secret: long('f'), retries: 1 }
  const secret = long('r')

  it.each<[object, Record<string, string>, object | undefined, object | undefined]>([
    [{ 'requests-url': url, 'requests-secret': secret }, {}, undefined, { url, secret }],
    [{ 'requests-url': url }, { RTMS_REQUESTS_SECRET: secret }, undefined, { url, secret }],
    [{ 'requests-secret': secret }, { RTMS_REQUESTS_URL: url }, undefined, { url, secret }],
    [{}, { RTMS_REQUESTS_URL: url, RTMS_REQUESTS_SECRET: secret }, undefined, { url, secret }],
    [{}, { RTMS_REQUESTS_SECRET: secret }, { requests: { url, retries: 1 } }, { url, secret, retries: 1 }],
    [{ 'requests-secret': secret }, {}, { requests: { url } }, { url, secret }],
    [{}, { RTMS_REQUESTS_URL: url }, { requests: { secret, retries: 1 } }, { url, secret, retries: 1 }],
    [{ 'requests-url': url }, {}, { requests: ofFile }, { ...ofFile, url }],
    [{}, {}, { requests: ofFile }, ofFile],
    [{}, {}, undefined, undefined],
  ])('come from wherever each is given: %j, %j and the file %j', async (options, env, requests, expected) => {
    const { settings, warnings } = await settle(options, env, requests)
    expect(settings.requests).toEqual(expected)
    expect(warnings).toEqual([])
  })

  it('are named as they were given where one of them is missing', async () => {
    await expect(settle({ 'requests-secret': secret })).rejects.toThrow(
      /^--requests-secret goes with --requests-url/,
    )
    await expect(settle({ 'requests-url': url })).rejects.toThrow(/^--requests-url needs a secret/)
    await expect(settle({}, { RTMS_REQUESTS_URL: url })).rejects.toThrow(/^RTMS_REQUESTS_URL needs a secret/)
  })

  it('let a node start where only the environment has a secret, and no URL', async () => {
    const { settings, warnings } = await settle({}, { RTMS_REQUESTS_SECRET: secret })
    expect(settings.requests).toBeUndefined()
    expect(warnings).toEqual([
      expect.stringMatching(/^RTMS_REQUESTS_SECRET is not used: it goes with --requests-url/),
    ])
  })
})

describe('What is wrong is told by the name it was given by', () => {
  it.each([
    ['metrics', 'RTMS_METRICS', 'all'],
    ['role', 'RTMS_ROLE', 'both'],
    ['limits', 'RTMS_LIMITS', 'x'],
    ['drain', 'RTMS_DRAIN', 'soon'],
    ['config', 'RTMS_CONFIG', '/none.json'],
  ])('%s and %s', async (option, variable, wrong) => {
    await expect(settle({ [option]: wrong })).rejects.toThrow(`--${option} `)
    await expect(settle({}, { [variable]: wrong })).rejects.toThrow(`${variable} `)
  })

  it('a secret beside keys in the file', async () => {
    const keys = { algorithm: 'ES256', jwks: 'https://a/keys' }
    await expect(settle({}, {}, { keys })).rejects.toThrow(
      /^RTMS_SECRET in the environment and keys in the file/,
    )
    await expect(settle({ secret: long('x') }, {}, { keys })).rejects.toThrow(
      /^--secret and keys in the file/,
    )
    const { settings } = await settle({}, { RTMS_SECRET: '' }, { keys })
    expect([settings.secret, settings.keys]).toEqual([undefined, keys])
  })

  it('what goes with --nats', async () => {
    await expect(busOf({ 'cluster-secret': long('c') })).rejects.toThrow(/^--cluster-secret goes with --nats/)
    await expect(busOf({ 'nats-credentials': '/a' })).rejects.toThrow(/^--nats-credentials goes with --nats/)
    vi.stubEnv('RTMS_CLUSTER_SECRET', long('c'))
    expect(await busOf({})).toBeUndefined()
    vi.stubEnv('RTMS_CLUSTER_SECRET', '')
    vi.stubEnv('RTMS_NATS', 'nats://h')
    await expect(busOf({})).rejects.toThrow(/^RTMS_NATS needs a secret of the cluster/)
    await expect(busOf({ nats: 'nats://h' })).rejects.toThrow(/^--nats needs a secret of the cluster/)
  })
})
