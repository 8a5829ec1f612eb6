import type { Reading } from '../numbers/reading.ts'
import { Table } from '../parts/table.tsx'
import { format } from '../words/common.ts'
import { text } from '../words/overview.ts'

const subjects = ['session', 'meeting', 'topic'] as const

const asCount = (value: number | undefined): string => (value === undefined ? '–' : format.whole(value))

/** How clients that came back have fared. */
export function Outcomes({ reading }: { readonly reading: Reading }) {
  const found = new Set<string>()
  for (const of of subjects)
    for (const [outcome] of reading.labelled(`rtms_${of}_resumes_total`))
      if (outcome !== '') found.add(outcome)
  const rows = [...found].sort((a, b) => (a === 'recovered' ? -1 : b === 'recovered' ? 1 : a < b ? -1 : 1))
  const of = (subject: (typeof subjects)[number], outcome: string): number | undefined =>
    reading.get(`rtms_${subject}_resumes_total`, outcome)
  return (
    <section class="card" aria-labelledby="outcomes-title">
      <div>
        <h3 id="outcomes-title">{text.outcomes}</h3>
        <p class="hint">{text.outcomesHint}</p>
      </div>
      <Table
        label={text.outcomes}
        rows={rows}
        keyOf={(outcome) => outcome}
        empty={text.nobody}
        columns={[
          {
            id: 'outcome',
            label: text.outcome,
            cell: (outcome) => (outcome === 'recovered' ? text.recovered : <code>{outcome}</code>),
          },
          ...subjects.map((subject) => ({
            id: subject,
            label: text.of[subject],
            value: (outcome: string) => of(subject, outcome) ?? 0,
            cell: (outcome: string) => asCount(of(subject, outcome)),
          })),
        ]}
      />
    </section>
  )
}

/** Why inputs, publications and connections were refused, and connections closed. */
export function Reasons({ reading }: { readonly reading: Reading }) {
  const rows = (Object.keys(text.kinds) as (keyof typeof text.kinds)[]).flatMap((name) =>
    [...reading.labelled(name)]
      .filter(([reason, count]) => reason !== '' && count > 0)
      .map(([reason, count]) => ({ what: text.kinds[name], reason, count })),
  )
  return (
    <section class="card" aria-labelledby="reasons-title">
      <div>
        <h3 id="reasons-title">{text.reasons}</h3>
        <p class="hint">{text.reasonsHint}</p>
      </div>
      <Table
        label={text.reasons}
        rows={rows}
        keyOf={({ what, reason }) => `${what} ${reason}`}
        empty={text.noReasons}
        columns={[
          { id: 'what', label: text.what, value: ({ what }) => what, cell: ({ what }) => what },
          {
            id: 'reason',
            label: text.reason,
            value: ({ reason }) => reason,
            cell: ({ reason }) => <code>{reason}</code>,
          },
          {
            id: 'count',
            label: text.count,
            value: ({ count }) => count,
            cell: ({ count }) => format.whole(count),
          },
        ]}
      />
    </section>
  )
}
