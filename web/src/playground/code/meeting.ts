import { connect } from 'rtms/client'

const client = connect({
  getTicket: () => fetch('/api/playground/ticket', { method: 'POST', body: '{"name": "Ada"}' }),
})
const meeting = await client.join<{ x: number; y: number }>('demo.lobby')

// Everybody gets the same inputs in the same frame.
meeting.onFrame(({ number, inputs }) => {
  for (const { slot, data } of inputs) console.log(number, slot, data.x, data.y)
})
addEventListener('pointerdown', ({ clientX: x, clientY: y }) => void meeting.send({ x, y }))

// On the server: await rtms.meetings.open('demo.lobby', { frameRate: 20 })
