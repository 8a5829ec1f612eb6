import { randomUUID } from 'node:crypto'
import express from 'express'
import { Rtms } from 'rtms/server'

const app = express()
const server = app.listen(process.env.PORT ?? 3000)
const rtms = await Rtms.start({ server, secret: process.env.RTMS_SECRET })

app.post('/ticket', async (req, res) => {
  const meeting = await rtms.meetings.open('room', { frameRate: 20 })
  const user = randomUUID() // here: the user you have authenticated
  res.json(await rtms.tickets.issue({ user, meetings: [meeting], host: req.headers.host }))
})
app.use(express.static('public'))
app.use('/rtms', express.static('node_modules/rtms/dist')) // a bundler does without this
