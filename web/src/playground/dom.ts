/** The element of index.html with this id; the page and its markup are one thing, so a missing one is a bug. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id)
  if (element === null) throw new Error(`index.html has no element with the id ${id}`)
  return element
}

export function inputById(id: string): HTMLInputElement {
  const element = byId(id)
  if (element instanceof HTMLInputElement) return element
  throw new Error(`index.html has no input with the id ${id}`)
}

/** An element with text in it. Text only: names in a room are written by strangers. */
export function make(tag: string, className: string, text = ''): HTMLElement {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}

/** Calls `draw` once before the next repaint, however often the function returned is called until then. */
export function oncePerRepaint(draw: () => void): () => void {
  let asked = false
  return () => {
    if (asked) return
    asked = true
    requestAnimationFrame(() => {
      asked = false
      draw()
    })
  }
}
