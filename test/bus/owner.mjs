// A node of `revival.test.ts` in a process of its own: opens a meeting with a standby or without, and issues tickets.
import { nats } from '../../dist/nats/index.js'
import { Rtms } from '../../dist/server/index.js'

const [servers, busSecret, secret] = process.argv.slice(2)
const rtms = await Rtms.start({
  logger: null,
  port: 0,
  host: '127.0.0.1',
  nodeId: 'owner',
  secret,
  bus: nats({ servers, secret: busSecret }),
})
const answer = async (ask) => {
  if (ask === 'nodes') process.send(rtms.cluster.nodes().length)
  else if (ask === 'open' || ask === 'open without standby') {
    await rtms.meetings.open('m', { standby: ask === 'open' ? 1 : 0 })
    process.send('opened')
  } else process.send(await rtms.tickets.issue({ user: ask, meetings: ['m'] }))
}
process.on('message', (ask) => void answer(ask))
process.send('ready')
