import * as v from 'valibot'
import { serverLimits } from '../ground/limits.ts'
import { isPattern } from '../../protocol/index.ts'
import { listSetting, setting } from './setting.ts'

/** A URL of the business for clients' requests that no handler of this process answers. */
export interface RequestsOptions {
  /** The URL that requests are POSTed to. */
  readonly url: string
  /**
   * Signs the requests, so the receiver knows who sent them: at least 32 characters. Undefined is refused at the start.
   */
  readonly secret: string | undefined
  /** Only these methods: names or patterns (`order.*`, `*`). Default all. */
  readonly methods?: readonly string[] | undefined
  /**
   * How long the receiver may take, in milliseconds, all tries included; never longer than the client waits. Default
   * 10,000.
   */
  readonly timeoutMs?: number | undefined
  /** Concurrent requests; one more is answered BUSY. Default 100. */
  readonly concurrency?: number | undefined
  /** Retries of a request that certainly had no effect. Default 2. */
  readonly retries?: number | undefined
}

const SECRET_LENGTH = 32

function isUrl(value: unknown): boolean {
  if (typeof value !== 'string' || !URL.canParse(value)) return false
  const { protocol, username, password } = new URL(value)
  return (protocol === 'http:' || protocol === 'https:') && username === '' && password === ''
}

const isCount = (least: number) => (value: unknown) =>
  Number.isSafeInteger(value) && (value as number) >= least

export const requestsSetting: v.OptionalSchema<v.GenericSchema<RequestsOptions>, undefined> = v.optional(
  v.strictObject({
    url: v.custom<string>(isUrl, 'expected an http:// or https:// URL without user and password'),
    // The given value is not shown: it is a secret.
    secret: v.custom<string | undefined>(
      (value) => typeof value === 'string' && value.length >= SECRET_LENGTH,
      `expected a text of at least ${SECRET_LENGTH} characters; make one with \`openssl rand -hex 32\``,
    ),
    methods: listSetting<readonly string[]>(
      (one) => typeof one === 'string' && isPattern(one),
      'an array of names or patterns such as order.*',
      'leave it out for all',
    ),
    timeoutMs: setting<number>(isCount(1), 'an integer above 0', 'leave it out for 10000'),
    concurrency: setting<number>(
      isCount(1),
      'an integer above 0',
      `leave it out for ${serverLimits.webhookRequests}`,
    ),
    retries: setting<number>(isCount(0), 'an integer of at least 0', 'leave it out for 2'),
  }),
)
