import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = join(import.meta.dirname, '../../../src')

/** The files of a folder, as paths below `src`, each with what it imports from below `src`, types included. */
function importsOf(folder: string): Map<string, string[]> {
  const files = readdirSync(join(SRC, folder), { recursive: true, encoding: 'utf8' })
  const imports = new Map<string, string[]>()
  for (const file of files.filter((name) => /\.tsx?$/.test(name))) {
    const path = join(folder, file)
    const text = readFileSync(join(SRC, path), 'utf8')
    const found = [...text.matchAll(/^(?:import|export)[^;']*?from '(\.[^']+)'/gm)]
    imports.set(
      path,
      found.map(([, target = '']) => relative(SRC, join(SRC, dirname(path), target))),
    )
  }
  return imports
}

const linesOf = (file: string): number => readFileSync(join(SRC, file), 'utf8').trimEnd().split('\n').length

/** Circles of imports: each as the strongly connected component that it lies in (Tarjan, 1972). */
function circlesIn(imports: Map<string, string[]>): string[][] {
  const circles: string[][] = []
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const visit = (file: string): void => {
    const own = index.size
    index.set(file, own)
    low.set(file, own)
    stack.push(file)
    for (const target of imports.get(file) ?? []) {
      if (!imports.has(target)) continue
      if (!index.has(target)) visit(target)
      if (stack.includes(target)) low.set(file, Math.min(low.get(file) ?? 0, low.get(target) ?? 0))
    }
    if (low.get(file) !== own) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1) circles.push(circle)
  }
  for (const file of imports.keys()) if (!index.has(file)) visit(file)
  return circles
}

/** What each room of the core may import besides itself, `ports.ts` and the protocol. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  ground: [],
  log: ['ground'],
  session: ['log', 'ground'],
  down: ['session', 'log', 'ground'],
  door: ['session', 'down', 'log', 'ground'],
  up: ['session', 'down', 'log', 'ground'],
  meeting: ['session', 'down', 'log', 'ground'],
  topic: ['session', 'down', 'log', 'ground'],
  cluster: ['meeting', 'topic', 'session', 'ground'],
}

describe('The house', () => {
  it('has no circle of imports, not even of types', () => {
    for (const folder of [
      'protocol',
      'core',
      'bus',
      'nats',
      'server',
      'client',
      'lockstep',
      'react',
      'testing',
      'cli',
    ])
      expect(circlesIn(importsOf(folder))).toEqual([])
  })

  it('sees a circle where there is one', () => {
    const imports = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', ['a']],
      ['d', []],
    ])
    expect(circlesIn(imports)).toEqual([['a', 'b', 'c']])
  })

  it('keeps the arrows between the rooms of the core', () => {
    const wrong: string[] = []
    for (const [file, targets] of importsOf('core')) {
      const [, room = '', inside] = file.split('/')
      if (inside === undefined) continue
      const allowed = [room, ...(rooms[room] ?? [])]
      for (const target of targets) {
        const [part, other = ''] = target.split('/')
        const isAllowed = part === 'protocol' || target === 'core/ports.ts' || allowed.includes(other)
        if (!isAllowed) wrong.push(`${file} imports ${target}`)
      }
    }
    expect(wrong).toEqual([])
  })

  it('sets no hooks in what several test files share: they would be those of the first file alone', () => {
    const tests = join(SRC, '../test')
    const shared = ['unit', 'integration', 'bus'].flatMap((folder) =>
      readdirSync(join(tests, folder), { recursive: true, encoding: 'utf8' }).map((name) =>
        join(folder, name),
      ),
    )
    const modules = shared.filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    expect(modules.length).toBeGreaterThan(10)
    const hook = /^(?:before|after)(?:Each|All)\(/m
    expect(modules.filter((name) => hook.test(readFileSync(join(tests, name), 'utf8')))).toEqual([])
  })

  it('has no file of the core that is longer than 450 lines', () => {
    const long = [...importsOf('core').keys()].filter((file) => linesOf(file) > 450)
    expect(long).toEqual([])
  })
})
