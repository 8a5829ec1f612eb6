import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'
import { type Article, articleOf } from './markdown.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const contents = 'docs/README.md'

interface Group {
  readonly title: string
  /** The files of its pages, each with its name in the menu. */
  readonly pages: ReadonlyMap<string, string>
}

/** What the search looks through; each stands for a section of a page. */
interface Found {
  readonly id: string
  readonly page: string
  readonly title: string
  readonly text: string
}

/** The table of contents: its headings are groups, and the first link of each item is a page. */
function groupsOf(markdown: string): Group[] {
  return markdown
    .split(/^## /m)
    .slice(1)
    .map((part) => ({
      title: part.slice(0, part.indexOf('\n')).trim(),
      pages: new Map(
        [...part.matchAll(/^- \[([^\]]*)\]\(([^)#]+\.md)\)/gm)].map(([, name = '', href = '']) => [
          join('docs', href),
          name,
        ]),
      ),
    }))
}

/** `docs/topics.md` is at `/docs/topics/`, `deploy/README.md` at `/docs/deploy/`. */
function addressOf(file: string): string {
  if (file === contents) return '/docs/'
  const name = file.replace(/^docs\//, '').replace(/\.md$/, '')
  return `/docs/${name.toLowerCase().replace(/\/readme$/, '')}/`
}

/** The pages of the docs, made of the Markdown that `docs/README.md` lists. */
class Book {
  readonly #groups: readonly Group[] = groupsOf(readFileSync(join(root, contents), 'utf8'))
  readonly #articles: Map<string, Article> = new Map()

  constructor() {
    const files = [contents, ...this.#groups.flatMap(({ pages }) => [...pages.keys()])]
    for (const file of files) {
      const linkTo = (href: string): string | null => {
        if (/^(?:https?:|#)/.test(href)) return href
        const [path = '', anchor] = href.split('#')
        const target = relative(root, join(root, dirname(file), path))
        if (!files.includes(target)) return null
        return addressOf(target) + (anchor === undefined ? '' : `#${anchor}`)
      }
      this.#articles.set(file, articleOf(readFileSync(join(root, file), 'utf8'), linkTo))
    }
  }

  get files(): string[] {
    return [...this.#articles.keys()]
  }

  get sections(): Found[] {
    return [...this.#articles].flatMap(([file, { title: page, sections }]) =>
      sections.map(({ anchor, depth, title, text }) => ({
        id: addressOf(file) + (depth === 1 ? '' : `#${anchor}`),
        page,
        title,
        text: text.trim(),
      })),
    )
  }

  page(file: string): string {
    const { title, sections, html } = this.#articles.get(file) as Article
    const outline = sections.filter(({ depth }) => depth === 2)
    const list = outline.map(({ anchor, title }) => `<li><a href="#${anchor}">${title}</a></li>`).join('')
    const order = this.files
    const at = order.indexOf(file)
    const step = (other: string | undefined, kind: string): string =>
      other === undefined
        ? ''
        : `<a class="${kind}" rel="${kind}" href="${addressOf(other)}">${this.#articles.get(other)?.title}</a>`
    return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>${title} – RTMS</title>
    <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
    <script type="module" src="/src/docs/main.tsx"></script>
  </head>
  <body class="docs">
    <div id="top"></div>
    <div class="book">
      <div class="side">
        <div id="search"></div>
        <nav id="chapters" aria-label="Docs">${this.#menu(file)}</nav>
      </div>
      <main>
        <article>${html}</article>
        <nav class="steps" aria-label="Before and next">${step(order[at - 1], 'prev')}${step(order[at + 1], 'next')}</nav>
      </main>
      ${outline.length < 2 ? '' : `<nav class="outline" aria-label="On this page"><h2>On this page</h2><ul>${list}</ul></nav>`}
    </div>
  </body>
</html>`
  }

  #menu(current: string): string {
    const item = ([file, name]: readonly [string, string]): string => {
      const mark = file === current ? ' aria-current="page"' : ''
      return `<li><a href="${addressOf(file)}"${mark}>${name}</a></li>`
    }
    return this.#groups
      .map(({ title, pages }) => `<h2>${title}</h2><ul>${[...pages].map(item).join('')}</ul>`)
      .join('')
  }
}

const SECTIONS = 'virtual:sections'

/** Builds a page of the site for each page of the docs; `virtual:sections` is what the search looks through. */
export function book(): Plugin {
  const made = new Book()
  const web = join(root, 'web')
  const pages = new Map(made.files.map((file) => [`${web}${addressOf(file)}index.html`, file]))
  return {
    name: 'book',
    enforce: 'pre',
    config: (config) => {
      const { input } = config.build?.rolldownOptions ?? {}
      return { build: { rolldownOptions: { input: [...(input as string[]), ...pages.keys()] } } }
    },
    resolveId: (id) => (pages.has(id) ? id : id === SECTIONS ? `\0${id}` : undefined),
    load(id) {
      const file = pages.get(id)
      if (file !== undefined) return made.page(file)
      return id === `\0${SECTIONS}` ? `export const sections = ${JSON.stringify(made.sections)}` : undefined
    },
  }
}
