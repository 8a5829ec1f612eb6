import { text } from './words.ts'

/** How to open a company: by keys or, where there are only fingers, by a tap. The style shows one of them. */
export function Handling() {
  return (
    <>
      <span class="by-keys">{text.keysHelp}</span>
      <span class="by-touch">{text.touchHelp}</span>
    </>
  )
}
