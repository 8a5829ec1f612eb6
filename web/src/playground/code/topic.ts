import { connect, type Ticket } from 'rtms/client'

const client = connect({
  getTicket: async () => {
    const response = await fetch('/api/playground/ticket', { method: 'POST', body: '{"name": "Ada"}' })
    return (await response.json()) as Ticket
  },
})

// The latest price, ten times a second at most: what lies between is never sent.
client.subscribe<{ price: number }>('demo.price', ({ price }) => console.log(price), {
  conflate: true,
  maxHz: 10,
})

// On the server: rtms.topics.publish('demo.price', { price: 100.25 })
