import { useState } from 'preact/hooks'
import { api } from '../node/node.ts'
import { Confirm, type Question } from '../parts/confirm.tsx'
import { Notice, useAction } from '../parts/notice.tsx'
import { nothingTyped, parsed, PayloadFields } from '../parts/payload.tsx'
import { format } from '../words/common.ts'
import { text } from '../words/rooms.ts'

/** Publishes to a topic, or removes one of its keys. */
export function Publish({ topic, published }: { readonly topic: string; readonly published: () => void }) {
  const [typed, type] = useState(nothingTyped)
  const [key, setKey] = useState('')
  const [question, ask] = useState<Question | null>(null)
  const { outcome, isBusy, run, fail } = useAction()

  const publish = async (): Promise<void> => {
    const value = parsed(typed)
    if ('fault' in value) return fail(value.fault)
    const body = { topic, data: value.data, ...(key === '' ? {} : { key }) }
    await run(async () => {
      const { pressure } = await api.post<{ pressure: number }>('/publish', body)
      return text.published(format.percent(pressure))
    })
    published()
  }
  const remove = async (): Promise<void> => {
    await run(async () => {
      await api.post('/publish', { topic, key, data: null, tombstone: true })
      return text.removedDone(key)
    })
    published()
  }
  return (
    <form
      class="card"
      aria-labelledby="publish-title"
      onSubmit={(event) => {
        event.preventDefault()
        void publish()
      }}
    >
      <div>
        <h2 id="publish-title">{text.publish}</h2>
        <p class="hint">{text.publishHint}</p>
      </div>
      <label>
        {text.key}
        <input
          value={key}
          maxLength={255}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          placeholder={text.keyHint}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <PayloadFields typed={typed} type={type} example='{"price": 1680.5}' />
      <div class="row end">
        <button
          type="button"
          class="quiet"
          disabled={key === '' || isBusy}
          onClick={() =>
            ask({
              title: text.removeTitle(key),
              consequence: text.removeConsequence,
              yes: text.remove,
              run: () => void remove(),
            })
          }
        >
          {text.remove}
        </button>
        <button type="submit" disabled={isBusy}>
          {text.publish}
        </button>
      </div>
      <Notice outcome={outcome} />
      <Confirm question={question} done={() => ask(null)} />
    </form>
  )
}
