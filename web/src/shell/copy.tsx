import type { RefObject } from 'preact'
import { useState } from 'preact/hooks'
import { words } from './language.ts'

const text = words({
  en: { copy: 'Copy', copied: 'Copied', byHand: 'Press Ctrl+C' },
  zh: { copy: '复制', copied: '已复制', byHand: '请按 Ctrl+C' },
})

const SAID_MS = 2_000

/** Copies what an element shows: the value of a field, or else its text. */
export function Copy({ from }: { readonly from: RefObject<HTMLElement | null> }) {
  const [said, setSaid] = useState(text.copy)
  const copy = async (): Promise<void> => {
    const element = from.current
    if (element === null) return
    const isField = element instanceof HTMLInputElement
    try {
      await navigator.clipboard.writeText(isField ? element.value : element.innerText)
      setSaid(text.copied)
    } catch {
      // Without https a page may not write to the clipboard; the text is selected for the visitor to copy.
      if (isField) element.select()
      else getSelection()?.selectAllChildren(element)
      setSaid(text.byHand)
    }
    setTimeout(() => setSaid(text.copy), SAID_MS)
  }
  return (
    <button type="button" class="quiet copy" onClick={() => void copy()}>
      {said}
    </button>
  )
}
