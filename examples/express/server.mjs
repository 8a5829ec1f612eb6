import { hash, randomUUID } from 'node:crypto'
import express from 'express'
import { Rtms } from 'rtms/server'

const app = express()
const server = app.listen(process.env.PORT ?? 3000)
const rtms = await Rtms.start({ server, secret: process.env.RTMS_SECRET })
rtms.meetings.onMissing((name) => (name === 'room' ? { frameRate: 20 } : null)) // opened when somebody joins

app.post('/ticket', async ({ headers: { cookie, host } }, res) => {
  const guest = /guest=([\w-]+)/.exec(cookie)?.[1] ?? randomUUID() // a user who stays one after a reload
  res.cookie('guest', guest, { httpOnly: true, sameSite: 'lax' })
  res.json(await rtms.tickets.issue({ user: hash('sha256', guest), meetings: ['room'], host }))
})
app.use(express.static('public'))
app.use('/rtms', express.static('node_modules/rtms/dist/page')) // a bundler does without this
