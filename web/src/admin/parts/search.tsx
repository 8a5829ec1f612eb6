import { useEffect, useState } from 'preact/hooks'
import { text } from '../words/common.ts'

const PAUSE_MS = 250

/** A field whose text is searched for when typing pauses. */
export function Search({
  label = text.search,
  value,
  search,
}: {
  readonly label?: string | undefined
  readonly value: string
  readonly search: (value: string) => void
}) {
  const [typed, type] = useState(value)
  useEffect(() => type(value), [value])
  useEffect(() => {
    if (typed === value) return undefined
    const { hash } = location
    const timer = setTimeout(() => {
      // Whoever follows a link meanwhile is not brought back.
      if (location.hash === hash) search(typed)
    }, PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed])
  return (
    <form
      class="search"
      role="search"
      onSubmit={(event) => {
        event.preventDefault()
        search(typed)
      }}
    >
      <label>
        {label}
        <input
          type="search"
          value={typed}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          onInput={(event) => type(event.currentTarget.value)}
        />
      </label>
    </form>
  )
}
