import { array, assert, constantFrom, property } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { operationsOf } from '../../../../src/server/api/operations.ts'
import { Router } from '../../../../src/server/api/router.ts'
import { inPath } from '../../../../web/src/admin/node/api.ts'

const router = new Router(operationsOf())

/** The name that arrives where a URL library sends this path. */
function arrives(path: string): string {
  const { pathname } = new URL(`http://node/users/${path}/disconnect`)
  return router.find('POST', pathname).name
}

describe('A name in a path', () => {
  it.each(['.', '..', '%2e', '%2E%2e', '.%2E', '%252E', 'a/b', '../x', '100%', '%', '%2F', ' ', '年', '...'])(
    'arrives: %j',
    (name) => expect(arrives(inPath(name))).toBe(name),
  )

  it('arrives whatever it is', () => {
    const part = constantFrom('.', '%', '2', '5', 'e', 'E', '/', 'x', '?', '#', ' ', '年')
    assert(
      property(array(part, { minLength: 1, maxLength: 8 }), (parts) => {
        expect(arrives(inPath(parts.join('')))).toBe(parts.join(''))
      }),
    )
  })

  it('arrives from a client that sends paths as they are', () => {
    for (const [path, name] of [
      ['..', '..'],
      ['%2E%2E', '..'],
      ['.', '.'],
      ['a%2Fb', 'a/b'],
    ])
      expect(router.find('POST', `/users/${path}/disconnect`).name).toBe(name)
  })
})
