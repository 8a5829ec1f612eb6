/** Figures with their names. */
export function Facts({
  facts,
}: {
  readonly facts: readonly (readonly [name: string, value: string, hint?: string])[]
}) {
  return (
    <dl class="facts">
      {facts.map(([name, value, hint]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
          {hint !== undefined && <dd class="hint">{hint}</dd>}
        </div>
      ))}
    </dl>
  )
}
