import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../', import.meta.url))

function pagesIn(folder: string): string[] {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
}

const examples = readdirSync(join(root, 'examples')).flatMap((name) => pagesIn(join('examples', name)))
const pages = [...pagesIn('.'), ...pagesIn('docs'), ...examples, 'bench/README.md', 'deploy/README.md']

/** What a heading is called in an address. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
    .replaceAll(' ', '-')

it.each(pages)('%s links to what is there, pictures too', (page) => {
  const text = readFileSync(join(root, page), 'utf8')
  const broken = [...text.matchAll(/\]\((?!https?:)([^)\s#]*)(?:#([^)\s]+))?\)/g)].filter(
    ([, path = '', anchor]) => {
      const target = path === '' ? join(root, page) : join(root, dirname(page), path)
      if (!existsSync(target)) return true
      if (anchor === undefined) return false
      const headings = readFileSync(target, 'utf8').matchAll(/^#+ (.*)$/gm)
      return ![...headings].some(([, heading = '']) => anchorOf(heading) === anchor)
    },
  )
  expect(broken.map(([link]) => link)).toEqual([])
})

it('docs/README.md, from which the site of the docs is made, lists every page of docs/', () => {
  const text = readFileSync(join(root, 'docs/README.md'), 'utf8')
  const listed = [...text.matchAll(/^- \[[^\]]*\]\(([^)]+)\)/gm)].map(([, path = '']) => join('docs', path))
  const missing = pagesIn('docs').filter((page) => page !== 'docs/README.md' && !listed.includes(page))
  expect(missing).toEqual([])
})
