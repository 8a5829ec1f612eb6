import hljs from 'highlight.js/lib/core'
import bash from 'highlight.js/lib/languages/bash'
import http from 'highlight.js/lib/languages/http'
import json from 'highlight.js/lib/languages/json'
import python from 'highlight.js/lib/languages/python'
import typescript from 'highlight.js/lib/languages/typescript'
import xml from 'highlight.js/lib/languages/xml'
import { Marked, type Tokens } from 'marked'

for (const [name, language] of Object.entries({ bash, http, json, python, typescript, xml }))
  hljs.registerLanguage(name, language)
hljs.registerAliases(['js', 'jsx', 'ts', 'tsx'], { languageName: 'typescript' })
hljs.registerAliases(['sh'], { languageName: 'bash' })
hljs.registerAliases(['html'], { languageName: 'xml' })

/** A heading and what stands below it, up to the next one. */
export interface Section {
  readonly anchor: string
  readonly depth: number
  readonly title: string
  /** Its plain text, for the search. */
  readonly text: string
}

export interface Article {
  readonly title: string
  readonly sections: readonly Section[]
  readonly html: string
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** Without the signs of Markdown. */
const plain = (markdown: string): string =>
  markdown
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll(/^\s*(?:```\w*|[|:\- ]+)$/gm, '')
    .replaceAll(/[`*|]|^#+ /gm, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()

/** What a heading is called in an address, as code hosts do it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\- ]/gu, '')
    .replaceAll(' ', '-')

/** A page of Markdown as HTML. `linkTo`: the address of a link here; null where it leads out of the site. */
export function articleOf(markdown: string, linkTo: (href: string) => string | null): Article {
  const sections: { anchor: string; depth: number; title: string; text: string }[] = []
  const marked = new Marked({
    renderer: {
      heading({ tokens, depth }) {
        const inside = this.parser.parseInline(tokens)
        const id = anchorOf(plain(tokens.map(({ raw }) => raw).join('')))
        return `<h${depth} id="${id}"><a href="#${id}">${inside}</a></h${depth}>\n`
      },
      link({ href, tokens }) {
        const to = linkTo(href)
        const inside = this.parser.parseInline(tokens)
        return to === null ? inside : `<a href="${escape(to)}">${inside}</a>`
      },
      code({ text, lang = '' }) {
        const [name = ''] = lang.split(' ')
        const language = hljs.getLanguage(name) === undefined ? undefined : name
        const html = language === undefined ? escape(text) : hljs.highlight(text, { language }).value
        // It can be scrolled, so it can be reached by the keyboard.
        return `<pre tabindex="0"><code>${html}</code></pre>\n`
      },
      table(token) {
        const row = (cells: readonly Tokens.TableCell[], kind: string): string =>
          `<tr>${cells.map(({ tokens }) => `<${kind}>${this.parser.parseInline(tokens)}</${kind}>`).join('')}</tr>`
        const hasHead = token.header.some(({ text }) => text !== '')
        const head = hasHead ? `<thead>${row(token.header, 'th')}</thead>` : ''
        const body = token.rows.map((cells) => row(cells, 'td')).join('')
        return `<div class="wide" tabindex="0"><table>${head}<tbody>${body}</tbody></table></div>\n`
      },
    },
  })
  // Pictures are not part of the package.
  const tokens = marked.lexer(markdown).filter(({ raw }) => !raw.includes('!['))
  for (const token of tokens) {
    if (token.type === 'heading') {
      const { depth, raw } = token as Tokens.Heading
      const title = plain(raw)
      sections.push({ anchor: anchorOf(title), depth, title, text: '' })
    } else {
      const section = sections.at(-1)
      if (section !== undefined) section.text += ` ${plain(token.raw)}`
    }
  }
  const [first] = sections
  if (first === undefined || first.depth !== 1)
    throw new Error('a page of the docs begins with its title: # …')
  return { title: first.title, sections, html: marked.parser(tokens) }
}
