import { useLayoutEffect, useReducer } from 'preact/hooks'

/** For a page that is drawn from what it holds. */
export interface Repaint {
  /** Asks for it to be drawn anew: once for each repaint, however often it is called until then. */
  readonly changed: () => void
  /** To be called by the page's component. */
  readonly useChanges: () => void
}

export function repaint(): Repaint {
  const page = { draw: (): void => {}, asked: false }
  return {
    changed() {
      if (page.asked) return
      page.asked = true
      requestAnimationFrame(() => {
        page.asked = false
        page.draw()
      })
    },
    useChanges() {
      const [, count] = useReducer((drawn: number) => drawn + 1, 0)
      useLayoutEffect(() => {
        page.draw = () => count(0)
      }, [])
    },
  }
}
