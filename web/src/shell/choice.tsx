import type { ComponentChildren } from 'preact'
import './choice.css'

/** One of a few, as radio buttons: the arrow keys move between them. */
export function Choice<T extends string | number>({
  name,
  label,
  values,
  chosen,
  show,
  choose,
}: {
  readonly name: string
  readonly label: string
  readonly values: readonly T[]
  readonly chosen: T
  readonly show: (value: T) => ComponentChildren
  readonly choose: (value: T) => void
}) {
  return (
    <fieldset class="choice">
      <legend>{label}</legend>
      {values.map((value) => (
        <label key={value}>
          <input
            type="radio"
            name={name}
            value={value}
            checked={value === chosen}
            onChange={() => choose(value)}
          />
          <span>{show(value)}</span>
        </label>
      ))}
    </fieldset>
  )
}
