/*
 * Reads the part of YAML that the files of `deploy/` are written in, and throws at anything else: maps and lists by
 * indentation, `{ … }` and `[ … ]` on one line, quoted and plain scalars (which stay texts), texts after `|`, anchors
 * of maps and `<<`.
 */

export type Yaml = string | readonly Yaml[] | { readonly [key: string]: Yaml }

interface Line {
  readonly indent: number
  readonly text: string
  readonly number: number
}

/** The documents of a file. */
export function readYaml(text: string): Yaml[] {
  return text
    .split(/^---\n/m)
    .filter((part) => /^[^#\n]/m.test(part))
    .map((part) => new Document(part).read())
}

const KEY = /^('[^']*'|[\w./<-]+):(?: +(.*))?$/

class Document {
  readonly #lines: readonly Line[]
  readonly #anchors: Map<string, Yaml> = new Map()
  #at = 0

  constructor(text: string) {
    this.#lines = text.split('\n').map((line, at) => ({
      indent: line.search(/\S|$/),
      text: line.trim(),
      number: at + 1,
    }))
  }

  read(): Yaml {
    const value = this.#block(0)
    if (this.#line() !== undefined) this.#fail('an end')
    return value
  }

  /** The line where it stands, without empty ones and comments. */
  #line(): Line | undefined {
    while (/^(?:#|$)/.test(this.#lines[this.#at]?.text ?? 'end')) this.#at++
    return this.#lines[this.#at]
  }

  #fail(expected: string): never {
    const { number = 0, text = '' } = this.#lines[this.#at] ?? {}
    throw new Error(`line ${number} of its document: ${text}; expected ${expected}`)
  }

  #block(indent: number): Yaml {
    const line = this.#line()
    if (line === undefined || line.indent < indent) return this.#fail('something further in')
    return line.text.startsWith('- ') ? this.#list(line.indent) : this.#map(line.indent)
  }

  #list(indent: number): Yaml[] {
    const all: Yaml[] = []
    for (
      let line = this.#line();
      line?.indent === indent && line.text.startsWith('- ');
      line = this.#line()
    ) {
      const rest = line.text.slice(2).trim()
      if (KEY.test(rest)) all.push(this.#map(line.indent + 2, rest))
      else {
        this.#at++
        all.push(this.#scalar(rest))
      }
    }
    return all
  }

  /** `first`: its first line, where that stands behind a `-`. */
  #map(indent: number, first?: string): Yaml {
    const map: Record<string, Yaml> = {}
    let text = first
    for (let line = this.#line(); line !== undefined; line = this.#line()) {
      if (text === undefined && line.indent !== indent) break
      const [, name, value = ''] = KEY.exec(text ?? line.text) ?? this.#fail('a key')
      text = undefined
      this.#at++
      const key = (name as string).replaceAll("'", '')
      if (key === '<<') Object.assign(map, this.#scalar(value))
      else if (Object.hasOwn(map, key)) this.#fail(`one ${key}`)
      else map[key] = this.#value(value, indent)
    }
    return map
  }

  #value(text: string, indent: number): Yaml {
    if (text === '|') return this.#text(indent + 2)
    const [, anchor] = /^&(\w+)$/.exec(text) ?? []
    if (anchor === undefined && text !== '') return this.#scalar(text)
    const value = this.#block(indent + 1)
    if (anchor !== undefined) this.#anchors.set(anchor, value)
    return value
  }

  #text(indent: number): string {
    let text = ''
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at] as Line
      if (line.text !== '' && line.indent < indent) break
      text += `${' '.repeat(Math.max(0, line.indent - indent))}${line.text}\n`
    }
    return text
  }

  #scalar(text: string): Yaml {
    if (text.startsWith('*')) return this.#anchors.get(text.slice(1)) ?? this.#fail('a known anchor')
    if (text.startsWith("'")) return /^'([^']*)'$/.exec(text)?.[1] ?? this.#fail('a quote')
    if (/^[{[]/.test(text)) return this.#flow(text)
    if (/^[&!>%@`"]| #|: /.test(text)) return this.#fail('a plain text')
    return text
  }

  #flow(text: string): Yaml {
    const close = text.startsWith('{') ? '}' : ']'
    if (!text.endsWith(close)) return this.#fail(close)
    const parts = partsOf(text.slice(1, -1)).map((part) => part.trim())
    if (close === ']') return parts.map((part) => this.#scalar(part))
    const entries = parts.map((part): [string, Yaml] => {
      const [, key, value] = KEY.exec(part) ?? this.#fail('a key')
      return [key as string, this.#scalar(value ?? '')]
    })
    return Object.fromEntries(entries)
  }
}

/** The parts between the commas that are not within brackets or quotes. */
function partsOf(text: string): string[] {
  const parts = ['']
  let depth = 0
  let isQuoted = false
  for (const char of text) {
    if (char === "'") isQuoted = !isQuoted
    if (!isQuoted && /[{[]/.test(char)) depth++
    if (!isQuoted && /[}\]]/.test(char)) depth--
    if (char === ',' && depth === 0 && !isQuoted) parts.push('')
    else parts[parts.length - 1] += char
  }
  return parts.filter((part) => part.trim() !== '')
}
