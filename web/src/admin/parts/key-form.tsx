import { useState } from 'preact/hooks'
import { api, watch } from '../node/node.ts'
import { text } from '../words/common.ts'

/** Asks for the key, and says why there has to be one. */
export function KeyForm() {
  const [key, setKey] = useState('')
  const { needsKey, hasKeys } = api.access
  return (
    <form
      class="card key"
      aria-labelledby="key-title"
      onSubmit={(event) => {
        event.preventDefault()
        watch.useKey(key.trim())
        setKey('')
      }}
    >
      <h1 id="key-title">{text.key.title}</h1>
      <p>{text.key[needsKey ?? 'option']}</p>
      {hasKeys ? (
        <>
          <label>
            {text.key.label}
            <input
              type="password"
              value={key}
              required
              autocomplete="off"
              aria-describedby="key-hint"
              aria-invalid={watch.isKeyWrong}
              onInput={(event) => setKey(event.currentTarget.value)}
            />
          </label>
          <p class="hint" id="key-hint">
            {text.key.hint}
          </p>
          <p class="notice bad" role="alert">
            {watch.isKeyWrong && text.key.wrong}
          </p>
          <button type="submit">{text.key.open}</button>
        </>
      ) : (
        <p>{text.key.none}</p>
      )}
    </form>
  )
}
