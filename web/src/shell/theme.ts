/** How the pages look: as the system says, or as chosen. */
export type Theme = 'auto' | 'light' | 'dark'

const KEY = 'rtms.theme'
const themes: readonly Theme[] = ['auto', 'light', 'dark']

export function theme(): Theme {
  const kept = localStorage.getItem(KEY)
  return themes.find((each) => each === kept) ?? 'auto'
}

function show(value: Theme): void {
  if (value === 'auto') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = value
}

/** The next of the three, from now on. */
export function nextTheme(): Theme {
  const next = themes[(themes.indexOf(theme()) + 1) % themes.length] ?? 'auto'
  localStorage.setItem(KEY, next)
  show(next)
  return next
}

show(theme())
