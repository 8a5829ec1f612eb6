import { readFile } from 'node:fs/promises'
import { expect, it } from 'vitest'
import { Client } from '../../../src/client/client.ts'
import { optionNames } from '../../../src/client/development.ts'
import { Meeting } from '../../../src/client/meeting.ts'

const page = await readFile(new URL('../../../docs/client.md', import.meta.url), 'utf8')

/** What a class has for applications: all but what the client itself calls. */
async function publicOf(of: { readonly prototype: object }, file: string): Promise<string[]> {
  const source = await readFile(new URL(`../../../src/client/${file}`, import.meta.url), 'utf8')
  const internal = [...source.matchAll(/@internal[\s\S]*?\*\/\n {2}(?:get )?(\w+)\(/g)].map(
    ([, name]) => name,
  )
  return Object.getOwnPropertyNames(of.prototype).filter((name) => !internal.includes(name))
}

it('the reference of the client has every method, property and event', async () => {
  for (const [what, of, file] of [
    ['client', Client, 'client.ts'],
    ['meeting', Meeting, 'meeting.ts'],
  ] as const) {
    const names = (await publicOf(of, file)).filter((name) => name !== 'constructor')
    expect(names.length).toBeGreaterThan(10)
    for (const name of names) expect(page).toMatch(new RegExp(`\`${what}\\.${name}\\b`))
  }
})

it('and every option', () => {
  for (const names of Object.values(optionNames))
    for (const name of Object.keys(names)) expect(page).toMatch(new RegExp(`^\\|.*\`${name}\`.*\\|`, 'm'))
})

it('and every type', async () => {
  const index = await readFile(new URL('../../../src/client/index.ts', import.meta.url), 'utf8')
  const exported = [...index.matchAll(/\{([^}]*)\}/g)].flatMap(([, list = '']) => list.split(','))
  const names = exported.map((each) => each.trim().split(' ').at(-1)).filter((name) => name !== '')
  expect(names.length).toBeGreaterThan(20)
  for (const name of names) expect(page).toContain(`\`${name}\``.replace('`connect`', 'connect'))
})
