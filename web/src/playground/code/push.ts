import { connect } from 'rtms/client'

const client = connect({
  getTicket: () => fetch('/api/playground/ticket', { method: 'POST', body: '{"name": "Ada"}' }),
})

client.onPush<{ id: string; quantity: number }>('demo.filled', ({ id, quantity }) =>
  console.log(id, quantity),
)

// On the server: await rtms.users.push(user, 'demo.filled', { id: 'A-1', quantity: 10 })
