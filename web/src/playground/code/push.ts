import { connect, type Ticket } from 'rtms/client'

const client = connect({
  getTicket: async () => {
    const response = await fetch('/api/playground/ticket', { method: 'POST', body: '{"name": "Ada"}' })
    return (await response.json()) as Ticket
  },
})

client.onPush<{ id: string; quantity: number }>('demo.filled', ({ id, quantity }) =>
  console.log(id, quantity),
)

// On the server: await rtms.users.push(user, 'demo.filled', { id: 'A-1', quantity: 10 })
