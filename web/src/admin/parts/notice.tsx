import { useState } from 'preact/hooks'
import { CallError } from '../node/api.ts'
import { problemText } from '../words/problems.ts'

/** What came of something that was done. */
export interface Outcome {
  readonly text: string
  readonly isBad: boolean
}

/** Runs what is done by hand, one thing at a time, and keeps what came of it. */
export function useAction(): {
  readonly outcome: Outcome | null
  readonly isBusy: boolean
  readonly run: (action: () => Promise<string>) => Promise<boolean>
  readonly fail: (text: string) => void
} {
  const [outcome, setOutcome] = useState<Outcome | null>(null)
  const [isBusy, setBusy] = useState(false)
  return {
    outcome,
    isBusy,
    fail: (text) => setOutcome({ text, isBad: true }),
    run: async (action) => {
      setBusy(true)
      setOutcome(null)
      try {
        setOutcome({ text: await action(), isBad: false })
        return true
      } catch (error) {
        setOutcome({
          text: problemText(error instanceof CallError ? error : new CallError('PAGE')),
          isBad: true,
        })
        return false
      } finally {
        setBusy(false)
      }
    },
  }
}

/** Says what came of it; there all the time, so that what it says is read out. */
export function Notice({ outcome }: { readonly outcome: Outcome | null }) {
  return (
    <p class={outcome === null ? 'notice' : outcome.isBad ? 'notice bad' : 'notice good'} role="status">
      {outcome?.text}
    </p>
  )
}

/** What a view shows in place of what it could not get. */
export function Problem({ error }: { readonly error: CallError }) {
  return (
    <p class="problem" role="alert">
      {problemText(error)}
    </p>
  )
}
