import * as v from 'valibot'

/** The HTTP API for business servers. */
export interface ApiOptions {
  /**
   * A caller with one of these keys may do everything; give several while one replaces another. Each is at least 32
   * characters of ASCII without spaces. An undefined key, such as a missing variable of the environment, is refused at
   * the start.
   */
  readonly keys: readonly (string | undefined)[]
}

const KEY = /^[\x21-\x7e]{32,512}$/
const MANY_KEYS = 100

function isApiKeys(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0 || value.length > MANY_KEYS) return false
  return value.every((key) => typeof key === 'string' && KEY.test(key))
}

/** The given value is not shown: it may be a key. */
function wrongKeys({ input }: v.CustomIssue): string {
  const at = Array.isArray(input) ? input.indexOf(undefined) : -1
  return at < 0
    ? expectation
    : `keys[${at}] is undefined: is a variable of the environment missing? ${expectation}`
}

const expectation =
  'expected { keys } with 1 to 100 texts of 32 to 512 characters of ASCII without spaces; ' +
  'make each with `openssl rand -hex 32` and keep it out of the source'

export const apiSetting: v.OptionalSchema<v.GenericSchema<ApiOptions>, undefined> = v.optional(
  v.strictObject({ keys: v.custom<ApiOptions['keys']>(isApiKeys, wrongKeys) }, expectation),
)
