import { randomUUID } from 'node:crypto'
import express from 'express'
import { Rtms } from 'rtms/server'

const app = express()
const server = app.listen(process.env.PORT ?? 3000)
const rtms = await Rtms.start({ server, secret: process.env.RTMS_SECRET })

app.post('/ticket', async (req, res) => {
  const meeting = await rtms.meetings.open('beast-42')
  const user = randomUUID() // here: the user you have authenticated
  const topics = { read: ['stock.*'] }
  res.json(await rtms.tickets.issue({ user, meetings: [meeting], topics, host: req.headers.host }))
})
app.use(express.static('dist'))

let price = 100
setInterval(() => {
  price += Math.random() - 0.5
  rtms.topics.publish('stock.600519', { price: Math.round(price * 100) / 100 })
}, 200)
