import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { otherNodes } from '../node/node.ts'
import { text } from '../words/common.ts'

const PAGE = 25

export interface Column<T> {
  readonly id: string
  readonly label: string
  /** What it is sorted by; a number is put to the right. */
  readonly value?: (row: T) => string | number
  readonly cell: (row: T) => ComponentChildren
}

/** On which node it is; nothing to tell on a node alone. */
export function nodeColumn<T extends { readonly node: string }>(): readonly Column<T>[] {
  if (otherNodes() === 0) return []
  const value = ({ node }: T): string => node
  return [{ id: 'node', label: text.node, value, cell: ({ node }) => <span class="whole">{node}</span> }]
}

interface Order {
  readonly id: string
  readonly isDown: boolean
}

function sorted<T>(rows: readonly T[], columns: readonly Column<T>[], order: Order | null): readonly T[] {
  const value = columns.find(({ id }) => id === order?.id)?.value
  if (order === null || value === undefined) return rows
  const sign = order.isDown ? -1 : 1
  return rows.toSorted((a, b) => {
    const [left, right] = [value(a), value(b)]
    return left === right ? 0 : left < right ? -sign : sign
  })
}

/** A table whose columns sort it, page by page. */
export function Table<T>({
  label,
  columns,
  rows,
  keyOf,
  empty,
}: {
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T, at: number) => string | number
  readonly empty: string
}) {
  const [order, setOrder] = useState<Order | null>(null)
  const [wanted, setPage] = useState(0)
  const page = Math.min(wanted, Math.max(0, Math.ceil(rows.length / PAGE) - 1))
  const shown = sorted(rows, columns, order).slice(page * PAGE, (page + 1) * PAGE)
  const isNumber = (column: Column<T>): boolean =>
    rows[0] !== undefined && typeof column.value?.(rows[0]) === 'number'
  const sortBy = (id: string, isNumeric: boolean): void => {
    setPage(0)
    // The largest first, or from A.
    setOrder(order?.id === id ? { id, isDown: !order.isDown } : { id, isDown: isNumeric })
  }
  if (rows.length === 0) return <p class="empty">{empty}</p>
  return (
    <>
      <div class="scroll" role="region" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map((column) => {
                const isSorted = order?.id === column.id
                const sort = isSorted ? (order.isDown ? 'descending' : 'ascending') : undefined
                return (
                  <th key={column.id} scope="col" class={isNumber(column) ? 'number' : ''} aria-sort={sort}>
                    {column.value === undefined ? (
                      column.label
                    ) : (
                      <button type="button" class="sort" onClick={() => sortBy(column.id, isNumber(column))}>
                        {column.label}
                      </button>
                    )}
                  </th>
                )
              })}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, at) => (
              <tr key={keyOf(row, at)}>
                {columns.map((column) => (
                  <td key={column.id} class={isNumber(column) ? 'number' : ''}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > PAGE && (
        <div class="row pager">
          <span class="hint">{text.page(page * PAGE + 1, page * PAGE + shown.length, rows.length)}</span>
          <button type="button" class="quiet" disabled={page === 0} onClick={() => setPage(page - 1)}>
            {text.previous}
          </button>
          <button
            type="button"
            class="quiet"
            disabled={(page + 1) * PAGE >= rows.length}
            onClick={() => setPage(page + 1)}
          >
            {text.next}
          </button>
        </div>
      )}
    </>
  )
}
