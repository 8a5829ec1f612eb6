import { StrictMode, useReducer } from 'react'
import { createRoot } from 'react-dom/client'
import { connect, type Frame } from 'rtms/client'
import { RtmsProvider, useConnection, useMeeting, useTopic } from 'rtms/react'

interface Hit {
  readonly hit: number
}

const client = connect({ getTicket: () => fetch('/ticket', { method: 'POST' }) })

function damageAfter(damage: number, frame: Frame<Hit>): number {
  return frame.inputs.reduce((sum, { data }) => sum + data.hit, damage)
}

function Battle() {
  const [damage, apply] = useReducer(damageAfter, 0)
  const { state, members, send } = useMeeting<Hit>('beast-42', { onFrame: apply })
  const present = members.filter(({ away }) => !away)
  return (
    <button disabled={state !== 'joined'} onClick={() => send({ hit: 3 })}>
      {damage} damage by {present.length}
    </button>
  )
}

function Price() {
  const { latest } = useTopic<{ price: number }>('stock.600519', { maxHz: 10 })
  return <output>{latest?.price ?? '–'}</output>
}

function Connection() {
  const { state, error } = useConnection()
  return (
    <small>
      {state} {error?.message}
    </small>
  )
}

createRoot(document.querySelector('#root') as Element).render(
  <StrictMode>
    <RtmsProvider client={client}>
      <Battle /> <Price /> <Connection />
    </RtmsProvider>
  </StrictMode>,
)
