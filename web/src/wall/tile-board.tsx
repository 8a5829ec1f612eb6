import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import { Handling } from './handling.tsx'
import type { Row } from './row.ts'
import { Tiles } from './tiles.ts'
import { TrailLoader } from './trails.ts'
import type { Wall } from './wall.ts'
import { text } from './words.ts'

export interface BoardProps {
  readonly wall: Wall
  readonly choose: (row: Row, byKey: boolean) => void
}

/** Places change so often at most, in seconds, while prices move. */
const SORT_BEATS = 2

/** All companies with their numbers. What moves is drawn past the components. */
export function TileBoard({ wall, choose }: BoardProps) {
  const root = useRef<HTMLDivElement>(null)
  const made = useRef<Tiles | null>(null)
  const chosen = useRef(choose)
  chosen.current = choose
  useEffect(() => {
    const trails = new TrailLoader(wall.feed.client, (row) => tiles.trailChanged(row))
    const tiles = new Tiles(root.current as HTMLElement, {
      chosen: (row, byKey) => chosen.current(row, byKey),
      inSight: (row) => trails.want(row),
      outOfSight: (row) => trails.forget(row),
    })
    made.current = tiles
    let beats = 0
    const drawing = {
      changed: (row: Row) => tiles.changed(row),
      beat: () => {
        for (const row of tiles.rowsInSight()) trails.want(row)
        if (++beats % SORT_BEATS === 0 && !tiles.isHeld) tiles.show(wall.rows())
        if (wall.feed.isTrading) tiles.trailChanged()
      },
    }
    wall.drawings.add(drawing)
    tiles.show(wall.rows())
    return () => {
      wall.drawings.delete(drawing)
      tiles.destroy()
    }
  }, [])
  const { text: typed, sector, order } = wall.wish
  useLayoutEffect(() => made.current?.show(wall.rows()), [typed, sector, order, wall.listed])
  useLayoutEffect(() => made.current?.select(wall.selected?.symbol ?? ''))
  return (
    <>
      <div
        ref={root}
        id="tiles"
        class="tiles"
        role="listbox"
        tabIndex={0}
        aria-label={text.tilesLabel}
        aria-describedby="board-help"
      />
      <p class="hint" id="board-help">
        <Handling />
      </p>
    </>
  )
}
