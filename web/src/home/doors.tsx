import type { ComponentChildren } from 'preact'
import { text } from './words.ts'

const names = ['wall', 'inside', 'playground', 'admin'] as const

/** The ways into the other pages. */
export function Doors({ thumbs = {} }: { readonly thumbs?: Partial<Record<string, ComponentChildren>> }) {
  return (
    <div class="doors">
      {names.map((name) => (
        <a class="card door" href={`/${name}/`} key={name}>
          {thumbs[name]}
          <h2>{text.cards[name].title}</h2>
          <p>{text.cards[name].text}</p>
        </a>
      ))}
    </div>
  )
}
