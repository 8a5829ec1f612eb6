import { connect } from 'rtms/client'

const client = connect({
  getTicket: () => fetch('/api/playground/ticket', { method: 'POST', body: '{"name": "Ada"}' }),
})

// The latest price, ten times a second at most: what lies between is never sent.
client.subscribe<{ price: number }>('demo.price', ({ price }) => console.log(price), {
  conflate: true,
  maxHz: 10,
})

// On the server: rtms.topics.publish('demo.price', { price: 100.25 })
