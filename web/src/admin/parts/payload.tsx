import { text } from '../words/rooms.ts'

/** A value to send, as it is typed. */
export interface Typed {
  readonly form: 'json' | 'text'
  readonly value: string
}

export const nothingTyped: Typed = { form: 'json', value: '' }

/** What it says, or why it says nothing. */
export function parsed({ form, value }: Typed): { readonly data: unknown } | { readonly fault: string } {
  if (form === 'text') return { data: value }
  try {
    return { data: JSON.parse(value) as unknown }
  } catch (error) {
    return { fault: text.notJson(error instanceof Error ? error.message : String(error)) }
  }
}

/** Fields for a value: JSON, or plain text. */
export function PayloadFields({
  typed: { form, value },
  type,
  example,
}: {
  readonly typed: Typed
  readonly type: (typed: Typed) => void
  /** Of what may be typed as JSON. */
  readonly example: string
}) {
  return (
    <>
      <fieldset class="choice">
        <legend class="hint">{text.form}</legend>
        {(['json', 'text'] as const).map((each) => (
          <label key={each} class="check">
            <input
              type="radio"
              name="form"
              checked={form === each}
              onChange={() => type({ form: each, value })}
            />
            {text[each]}
          </label>
        ))}
      </fieldset>
      <label>
        {text.value}
        <textarea
          rows={4}
          spellcheck={false}
          required={form === 'json'}
          value={value}
          placeholder={form === 'json' ? example : ''}
          onInput={(event) => type({ form, value: event.currentTarget.value })}
        />
      </label>
    </>
  )
}
