import { useEffect, useRef } from 'preact/hooks'
import { text } from '../words/common.ts'

/** What is asked before something is done that cannot be undone. */
export interface Question {
  readonly title: string
  /** What comes of it. */
  readonly consequence: string
  readonly yes: string
  readonly run: () => void
}

/** Asks; `done` is called whatever the answer. */
export function Confirm({
  question,
  done,
}: {
  readonly question: Question | null
  readonly done: () => void
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (question !== null) dialog.current?.showModal()
    else dialog.current?.close()
  }, [question])
  return (
    <dialog
      ref={dialog}
      class="card confirm"
      aria-labelledby="question"
      aria-describedby="consequence"
      onClose={done}
    >
      <h2 id="question">{question?.title}</h2>
      <p id="consequence">{question?.consequence}</p>
      <div class="row end">
        <button type="button" class="quiet" onClick={done}>
          {text.cancel}
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => {
            question?.run()
            done()
          }}
        >
          {question?.yes}
        </button>
      </div>
    </dialog>
  )
}
