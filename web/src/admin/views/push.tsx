import { useState } from 'preact/hooks'
import { api } from '../node/node.ts'
import { Notice, useAction } from '../parts/notice.tsx'
import { nothingTyped, parsed, PayloadFields } from '../parts/payload.tsx'
import { text } from '../words/people.ts'

/** Pushes to a user. */
export function Push({ user }: { readonly user: string }) {
  const [typed, type] = useState(nothingTyped)
  const [name, setName] = useState('')
  const { outcome, isBusy, run, fail } = useAction()
  const push = async (): Promise<void> => {
    const value = parsed(typed)
    if ('fault' in value) return fail(value.fault)
    await run(async () => {
      const { sessions } = await api.post<{ sessions: number }>('/push', { user, name, data: value.data })
      return text.pushed(sessions)
    })
  }
  return (
    <form
      class="card"
      aria-labelledby="push-title"
      onSubmit={(event) => {
        event.preventDefault()
        void push()
      }}
    >
      <div>
        <h2 id="push-title">{text.push}</h2>
        <p class="hint">{text.pushHint}</p>
      </div>
      <label>
        {text.name}
        <input
          value={name}
          required
          maxLength={255}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          placeholder="order.filled"
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <PayloadFields typed={typed} type={type} example='{"id": 1042}' />
      <div class="row end">
        <button type="submit" disabled={isBusy}>
          {text.push}
        </button>
      </div>
      <Notice outcome={outcome} />
    </form>
  )
}
