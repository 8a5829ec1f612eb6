import { hash, randomUUID } from 'node:crypto'
import express from 'express'
import { Rtms } from 'rtms/server'

const app = express()
const server = app.listen(process.env.PORT ?? 3000)
const rtms = await Rtms.start({ server, secret: process.env.RTMS_SECRET })

app.post('/ticket', async (req, res) => {
  const meeting = await rtms.meetings.open('beast-42')
  const guest = /guest=([\w-]+)/.exec(req.headers.cookie)?.[1] ?? randomUUID() // a user who stays one after a reload
  res.cookie('guest', guest, { httpOnly: true, sameSite: 'lax' })
  const [user, topics] = [hash('sha256', guest), { read: ['stock.*'] }]
  res.json(await rtms.tickets.issue({ user, meetings: [meeting], topics, host: req.headers.host }))
})
app.use(express.static('dist'))

let price = 100
setInterval(() => {
  price += Math.random() - 0.5
  rtms.topics.publish('stock.600519', { price: Math.round(price * 100) / 100 })
}, 200)
