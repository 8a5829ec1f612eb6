import type { Session } from '../node/answers.ts'
import { isStalled } from '../numbers/sessions.ts'
import { format } from '../words/common.ts'
import { text } from '../words/people.ts'

/** How much of its window a connection has used. */
export function Unacknowledged({ session }: { readonly session: Session }) {
  const { unacknowledgedBytes, window, connected } = session
  if (!connected) return <>–</>
  const bytes = format.bytes(unacknowledgedBytes)
  if (window === 0) return <>{`${bytes}, ${text.noWindow}`}</>
  const words = text.ofWindow(bytes, format.bytes(window))
  const share = Math.min(1, unacknowledgedBytes / window)
  return (
    <span class="gauge" title={words}>
      <span class="track" aria-hidden="true">
        <span class={isStalled(session) ? 'bar full' : 'bar'} style={{ width: `${share * 100}%` }} />
      </span>
      {words}
    </span>
  )
}
