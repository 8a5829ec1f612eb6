import { useState } from 'preact/hooks'
import { inPath } from '../node/api.ts'
import { api } from '../node/node.ts'
import { Confirm, type Question } from '../parts/confirm.tsx'
import { Notice, useAction } from '../parts/notice.tsx'
import { text } from '../words/people.ts'

/** Disconnects a user, for now or for good, or takes the tickets back. */
export function Restrain({ user, done }: { readonly user: string; readonly done: () => void }) {
  const [question, ask] = useState<Question | null>(null)
  const { outcome, isBusy, run } = useAction()
  const post = async (path: string, body: object): Promise<void> => {
    await run(async () => {
      const { connections } = await api.post<{ connections: number }>(path, body)
      return text.closedCount(connections)
    })
    done()
  }
  const disconnect = `/users/${inPath(user)}/disconnect`
  const questions: readonly Question[] = [
    {
      title: text.disconnectTitle(user),
      consequence: text.disconnectConsequence,
      yes: text.disconnect,
      run: () => void post(disconnect, {}),
    },
    {
      title: text.finalTitle(user),
      consequence: text.finalConsequence,
      yes: text.final,
      run: () => void post(disconnect, { final: true }),
    },
    {
      title: text.revokeTitle(user),
      consequence: text.revokeConsequence,
      yes: text.revoke,
      run: () => void post('/revocations', { user }),
    },
  ]
  return (
    <section class="card" aria-labelledby="restrain-title">
      <h2 id="restrain-title">{text.actions}</h2>
      <div class="row">
        {questions.map((each, at) => (
          <button
            key={each.yes}
            type="button"
            class={at === 0 ? 'quiet' : 'danger'}
            disabled={isBusy}
            onClick={() => ask(each)}
          >
            {each.yes}
          </button>
        ))}
      </div>
      <Notice outcome={outcome} />
      <Confirm question={question} done={() => ask(null)} />
    </section>
  )
}
