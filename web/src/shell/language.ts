/** The languages of the pages. */
export type Language = 'en' | 'zh'

const KEY = 'rtms.language'
const isLanguage = (value: string | null): value is Language => value === 'en' || value === 'zh'

function chosen(): Language {
  const asked = new URLSearchParams(location.search).get('lang')
  if (isLanguage(asked)) return asked
  const kept = localStorage.getItem(KEY)
  if (isLanguage(kept)) return kept
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en'
}

/** The page's language: of the address (`?lang=zh`), as chosen before, or the browser's. */
export const language: Language = chosen()
document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'

/** Goes on in another language; the page is loaded again. */
export function changeLanguage(to: Language): void {
  localStorage.setItem(KEY, to)
  const url = new URL(location.href)
  url.searchParams.delete('lang')
  if (url.href === location.href) location.reload()
  else location.replace(url)
}

/** The words of a page: the same keys in both languages. */
export function words<T>(both: Readonly<Record<Language, T>>): T {
  return both[language]
}
