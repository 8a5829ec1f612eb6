import type MiniSearch from 'minisearch'
import { useEffect, useRef, useState } from 'preact/hooks'

interface Hit {
  readonly id: string
  readonly page: string
  readonly title: string
  readonly text: string
}

const MOST_HITS = 8
/** How much of a section's text is shown around the first word found, in characters. */
const BEFORE = 30
const SHOWN = 120

/** The changelog has a word of everything: what explains it comes first. */
const weightOf = (id: string): number => (id.startsWith('/docs/changelog/') ? 0.2 : 1)

/** Words, and the parts of names: `spectatorDelayMs` is found by “delay” too. */
const wordsOf = (text: string): string[] =>
  text
    .split(/[^\p{L}\p{N}]+/u)
    .flatMap((word) => [word, ...(/\p{Ll}\p{Lu}/u.test(word) ? word.split(/(?=\p{Lu})/u) : [])])

let loading: Promise<MiniSearch<Hit>> | null = null

/** Both the library and the texts come when they are needed first. */
function load(): Promise<MiniSearch<Hit>> {
  loading ??= Promise.all([import('minisearch'), import('virtual:sections')]).then(
    ([{ default: Index }, { sections }]) => {
      const index = new Index<Hit>({
        fields: ['title', 'page', 'text'],
        storeFields: ['id', 'page', 'title', 'text'],
        tokenize: wordsOf,
        searchOptions: {
          boostDocument: weightOf,
          boost: { title: 4, page: 2 },
          prefix: true,
          fuzzy: (term) => (term.length > 4 ? 0.2 : 0),
          combineWith: 'AND',
        },
      })
      index.addAll(sections)
      return index
    },
  )
  return loading
}

function excerpt({ text }: Hit, terms: readonly string[]): string {
  const lower = text.toLowerCase()
  const at = Math.min(...terms.map((term) => lower.indexOf(term)).filter((place) => place >= 0), text.length)
  const from = at === text.length || at < BEFORE ? 0 : text.lastIndexOf(' ', at - BEFORE) + 1
  const to = text.length - from > SHOWN ? text.lastIndexOf(' ', from + SHOWN) : text.length
  return `${from > 0 ? '… ' : ''}${text.slice(from, to)}${to < text.length ? ' …' : ''}`
}

/** A field that finds sections of the docs: `/` leads to it, the arrows through what it finds. */
export function Search() {
  const field = useRef<HTMLInputElement>(null)
  const [asked, setAsked] = useState('')
  const [hits, setHits] = useState<readonly { readonly hit: Hit; readonly said: string }[] | null>(null)
  const [chosen, setChosen] = useState(0)

  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return
      if (event.target instanceof HTMLElement && event.target.closest('input, select, textarea')) return
      event.preventDefault()
      field.current?.focus()
    }
    addEventListener('keydown', focus)
    return () => removeEventListener('keydown', focus)
  }, [])

  useEffect(() => {
    let isWanted = asked.trim() !== ''
    const find = async (): Promise<void> => {
      const index = await load()
      if (!isWanted) return
      const found = index.search(asked).slice(0, MOST_HITS)
      setHits(
        found.map((each) => ({ hit: each as unknown as Hit, said: excerpt(each as never, each.terms) })),
      )
      setChosen(0)
    }
    if (isWanted) void find()
    else setHits(null)
    return () => {
      isWanted = false
    }
  }, [asked])

  const go = (event: KeyboardEvent): void => {
    const count = hits?.length ?? 0
    if (event.key === 'Escape') setAsked('')
    else if (count === 0) return
    else if (event.key === 'ArrowDown') setChosen((chosen + 1) % count)
    else if (event.key === 'ArrowUp') setChosen((chosen + count - 1) % count)
    else if (event.key === 'Enter') location.assign(hits?.[chosen]?.hit.id ?? '')
    else return
    event.preventDefault()
  }

  return (
    <search class="find">
      <input
        ref={field}
        type="search"
        role="combobox"
        list={undefined}
        aria-label="Search the docs"
        aria-controls="hits"
        aria-expanded={hits !== null}
        aria-activedescendant={hits?.length ? `hit-${chosen}` : undefined}
        placeholder="Search the docs  /"
        autocomplete="off"
        value={asked}
        onFocus={() => void load()}
        onInput={({ currentTarget }) => setAsked(currentTarget.value)}
        onKeyDown={go}
      />
      <ul id="hits" role="listbox" aria-label="Found" hidden={hits === null}>
        {hits?.map(({ hit, said }, at) => (
          <li key={hit.id} id={`hit-${at}`} role="option" aria-selected={at === chosen}>
            <a href={hit.id} tabIndex={-1} onClick={() => setAsked('')}>
              <b>{hit.title}</b> {hit.title !== hit.page && <span>{hit.page}</span>}
              <small>{said}</small>
            </a>
          </li>
        ))}
      </ul>
      {hits?.length === 0 && (
        <p class="hint" role="status">
          Nothing is found for “{asked}”.
        </p>
      )}
    </search>
  )
}
