import { randomUUID } from 'node:crypto'
import express from 'express'
import { Rtms } from 'rtms/server'

const app = express()
const server = app.listen(process.env.PORT ?? 3000)
const rtms = await Rtms.start({ server, secret: process.env.RTMS_SECRET })
rtms.meetings.onMissing((name) => (name === 'room' ? { frameRate: 20 } : null)) // opened when somebody joins

app.post('/ticket', async (req, res) => {
  const user = randomUUID() // here: the user you have authenticated
  res.json(await rtms.tickets.issue({ user, meetings: ['room'], host: req.headers.host }))
})
app.use(express.static('public'))
app.use('/rtms', express.static('node_modules/rtms/dist')) // a bundler does without this
