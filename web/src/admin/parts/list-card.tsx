import type { Polled } from '../node/use-poll.ts'
import { addressOf, type ListRoute } from '../route.ts'
import { text } from '../words/common.ts'
import { Problem } from './notice.tsx'
import { Search } from './search.tsx'
import { type Column, Table } from './table.tsx'

/** A list of the node as it stands, with a search that is part of the address. */
export function ListCard<T>({
  route: { view, search },
  searchLabel,
  polled: { data, error },
  columns,
  keyOf,
  empty,
  more,
  missing = [],
}: {
  readonly route: ListRoute
  readonly searchLabel?: string | undefined
  readonly polled: Pick<Polled<readonly T[]>, 'data' | 'error'>
  readonly columns: readonly Column<T>[]
  readonly keyOf: (row: T, at: number) => string
  /** Said where there is none. */
  readonly empty: string
  /** Said where these are not all. */
  readonly more: string | null
  /** The nodes that did not answer. */
  readonly missing?: readonly string[] | undefined
}) {
  return (
    <section class="card" aria-labelledby="list-title">
      <div class="row">
        <h1 id="list-title" class="grow">
          {text.views[view]}
        </h1>
        <Search
          label={searchLabel}
          value={search}
          search={(typed) => (location.hash = addressOf({ view, search: typed }))}
        />
      </div>
      {error !== null && error.code !== 'AWAY' && <Problem error={error} />}
      {missing.length > 0 && (
        <p class="problem" id="missing" role="status">
          {text.missing(missing.join(', '))}
        </p>
      )}
      {data === null ? (
        error === null && <p class="empty">{text.loading}</p>
      ) : (
        <Table label={text.views[view]} columns={columns} rows={data} keyOf={keyOf} empty={empty} />
      )}
      {more !== null && <p class="hint">{more}</p>}
    </section>
  )
}
