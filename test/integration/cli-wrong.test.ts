import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { run as runSource } from '../../src/cli/run.ts'

/* In this process, which spares starting the command for each. `cli.test.ts` sees what it prints, and its exit code. */

const { run } = (await import(new URL('../../dist/cli/run.js', import.meta.url).href)) as {
  readonly run: typeof runSource
}

// Nothing of RTMS in the environment.
beforeAll(() => {
  for (const name of Object.keys(process.env))
    if (name.startsWith('RTMS_') || name === 'PORT') vi.stubEnv(name, undefined)
})
afterAll(() => {
  vi.unstubAllEnvs()
})

describe('rtms called', () => {
  it.each([
    [[], 'a command is missing'],
    [['sing'], 'there is no command "sing". See'],
    [['serv'], 'there is no command "serv". Did you mean serve?'],
    [['serve', '--loud'], 'rtms serve --help'],
    [['serve', '--origin', 'a'], 'Did you mean --origins?'],
    [['publish', 't', '1', '--topickey', 'k'], 'Did you mean --topic-key?'],
    [['serve', '--config', '/none.json'], '--config /none.json cannot be read: '],
    [['serve', '--dev', '--port', '0', '--limits', 'sessionKeepMs'], 'such as sessionKeepMs=60000'],
    [['serve', '--dev', '--port', '0', '--limits', 'sessionKepMs=1'], 'did you mean sessionKeepMs?'],
    [['serve', '--dev', '--port', '0', '--limits', 'sessionKeepMs=0'], 'sessionKeepMs'],
    [['serve', '--dev', '--port', '0', '--requests-url', 'http://a'], 'export RTMS_REQUESTS_SECRET='],
    [['serve', '--dev', '--port', '0', '--requests-secret', 'x'.repeat(32)], 'goes with --requests-url'],
    [
      ['serve', '--dev', '--port', '0', '--requests-url', 'a', '--requests-secret', 'x'.repeat(32)],
      'expected an http:// or https:// URL',
    ],
    [['serve', '--dev', '--port', 'x'], 'a port is a number from 0 to 65535'],
    [['serve'], 'openssl rand -hex 32'],
    [['serve', '--secret', 'short'], 'at least 32 bytes'],
    [['serve', '--dev', '--api-key', 'short'], '32 to 512 characters'],
    [['serve', '--secret', 'x'.repeat(32), '--admin', 'key'], 'RTMS_API_KEY'],
    [['serve', '--dev', '--admin', 'all'], 'loopback, key or off'],
    [
      ['serve', '--dev', '--nats', 'nats://127.0.0.1'],
      'export RTMS_CLUSTER_SECRET="$(openssl rand -hex 32)"',
    ],
    [['serve', '--dev', '--nats', 'nats://127.0.0.1', '--cluster-secret', 'short'], 'at least 32 bytes'],
    [['serve', '--dev', '--nats', 'nowhere', '--cluster-secret', 'x'.repeat(32)], 'nats://10.0.0.1:4222'],
    [
      [
        'serve',
        '--dev',
        '--nats',
        'nats://h',
        '--cluster-secret',
        'x'.repeat(32),
        '--nats-credentials',
        '/none',
      ],
      '--nats-credentials cannot be read',
    ],
    [['serve', '--dev', '--nodes', '0'], 'a whole number of at least 1'],
    [['serve', '--dev', '--nodes', '65'], '64 is the most'],
    [['serve', '--dev', '--nodes', '3', '--port', '65534'], 'go beyond 65535'],
    [['serve', '--dev', '--port', '0', '--metrics', 'all'], 'loopback, public or off'],
    [['serve', '--dev', '--port', '0', '--role', 'both'], 'core or edge'],
    [['serve', '--dev', '--port', '0', '--role', 'edge'], 'without --dev'],
    [
      ['serve', '--secret', 'x'.repeat(32), '--port', '0', '--role', 'edge'],
      "role: 'edge' was given without bus",
    ],
    [['serve', '--dev', '--port', '0', '--public-url', 'https://a'], 'publicUrl: "https://a" was given'],
    [['serve', '--dev', '--port', '0', '--origins', 'a.example'], "origins such as 'https://example.com'"],
    [['serve', '--dev', '--port', '0', '--trusted-proxies', 'me'], 'trustedProxies: '],
    [
      ['serve', '--dev', '--port', '0', '--node-id', 'A_1', '--public-url', 'wss://{node}.a/rtms'],
      'nodeId: "A_1" was given',
    ],
    [['publish'], '<topic> is missing'],
    [['push', 'u'], '<name> is missing'],
    [['tail'], '<topic|meeting> is missing'],
    [['publish', 't', '-5'], 'Put -- in front of data that begins with -'],
    [['publish', 't', '1'], 'give --key, or RTMS_KEY'],
    [['meetings'], 'rtms serve --api-key'],
    [['publish', 't', '1', '--remove', '--key', 'k'], 'name it by --topic-key'],
    [['push', 'u', 'n', '1', '2'], 'Unexpected argument "2"'],
    [['meetings', '--key', 'k', '--url', 'nowhere'], 'an address such as http://127.0.0.1:7788/rtms'],
    [['token', 'u'], '--secret (RTMS_SECRET)'],
    [['token', 'u', '--secret', 'short'], 'at least 32 bytes'],
    [['token', 'u', '--secret', 'x'.repeat(32), '--expires', '90d'], '--expires 90d: '],
    [['tail', 't', '--history', 'x', '--key', 'k'], 'a whole number of at least 0'],
    [['tail', 't', '--since', '5x', '--key', 'k'], 'a time such as 30s'],
    [['doctor', '--idle', '0'], 'a time such as 30s'],
    [['doctor', 'nowhere'], 'the address is "nowhere"'],
  ])('as %j is refused with what is wrong', async (args, message) => {
    const refused = await run(args).then(undefined, (error: unknown) => error as Error)
    expect(refused?.constructor.name).toBe('UsageError')
    expect(refused?.message).toContain(message)
  })
})
