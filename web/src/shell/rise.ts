import { language } from './language.ts'

/** The colour of what rises: markets in China have red for it, others green. */
export type Rise = 'red' | 'green'
export const rises: readonly Rise[] = ['green', 'red']

const KEY = 'rtms.rise'

export function rise(): Rise {
  const kept = localStorage.getItem(KEY)
  return rises.find((each) => each === kept) ?? (language === 'zh' ? 'red' : 'green')
}

export const showRise = (): void => void (document.documentElement.dataset['rise'] = rise())

/** From now on, on every page. */
export function setRise(colour: Rise): void {
  localStorage.setItem(KEY, colour)
  showRise()
}
