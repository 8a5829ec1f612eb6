import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { Meeting } from '../../../src/server/business/meeting.ts'
import { Meetings } from '../../../src/server/business/meetings.ts'
import { Topics } from '../../../src/server/business/topics.ts'
import { Users } from '../../../src/server/business/users.ts'
import { Rtms } from '../../../src/server/rtms.ts'
import { Tickets } from '../../../src/server/tickets/tickets.ts'

const page = await readFile(new URL('../../../docs/server.md', import.meta.url), 'utf8')

/** What a class has for applications. */
async function publicOf(of: { readonly prototype: object }, file: string): Promise<string[]> {
  const source = await readFile(new URL(`../../../src/server/${file}`, import.meta.url), 'utf8')
  const internal = [
    ...source.matchAll(/@internal(?:(?!\*\/)[\s\S])*\*\/\n {2}(?:get |async )?(\w+)[(<]/g),
  ].map(([, name]) => name)
  return Object.getOwnPropertyNames(of.prototype).filter(
    (name) => name !== 'constructor' && !internal.includes(name),
  )
}

it.each([
  ['rtms', Rtms, 'rtms.ts', 15],
  ['rtms.meetings', Meetings, 'business/meetings.ts', 6],
  ['rtms.topics', Topics, 'business/topics.ts', 9],
  ['rtms.users', Users, 'business/users.ts', 4],
  ['rtms.tickets', Tickets, 'tickets/tickets.ts', 3],
  ['meeting', Meeting, 'business/meeting.ts', 10],
])('the reference of the server has all of %s', async (what, of, file, least) => {
  const names = await publicOf(of, file)
  expect(names.length).toBeGreaterThanOrEqual(least)
  const missing = names.filter(
    (name) => !new RegExp(`\`(?:await )?${what.replace('.', '\\.')}\\.${name}\\b`).test(page),
  )
  expect(missing).toEqual([])
})
