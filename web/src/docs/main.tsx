import { render } from 'preact'
import { useState } from 'preact/hooks'
import { Top } from '../shell/shell.tsx'
import { Search } from './search.tsx'
import './style.css'

/* The pages themselves are made when the site is built, by web/book: they can be read without this. */

function into(id: string, part: preact.ComponentChildren): void {
  const place = document.getElementById(id)
  if (place === null) throw new Error(`the document has no element with the id ${id}`)
  render(part, place)
}

/** Shows and hides the chapters where there is no room for them beside the text. */
function Chapters() {
  const [isOpen, setOpen] = useState(false)
  return (
    <button
      type="button"
      class="quiet chapters"
      aria-expanded={isOpen}
      aria-controls="chapters"
      onClick={() => {
        document.body.classList.toggle('open', !isOpen)
        setOpen(!isOpen)
      }}
    >
      Chapters
    </button>
  )
}

into('top', <Top name="docs" />)
into(
  'search',
  <>
    <Search />
    <Chapters />
  </>,
)

// The chapter that is read stands in the middle of the list, wherever that is scrolled to.
const chapters = document.getElementById('chapters')
const current = chapters?.querySelector<HTMLElement>('[aria-current]')
const side = chapters?.parentElement
if (current && side) side.scrollTop = current.offsetTop - side.clientHeight / 2
