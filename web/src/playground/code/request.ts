import { connect } from 'rtms/client'

const client = connect({
  getTicket: () => fetch('/api/playground/ticket', { method: 'POST', body: '{"name": "Ada"}' }),
})

const { id, price } = await client.request<{ id: string; price: number }>('demo.order', { quantity: 10 })
console.log(id, price)

// On the server: rtms.onRequest('demo.order', ({ user, data }) => ({ id: 'A-1', price: 100.25 }))
