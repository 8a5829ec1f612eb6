import * as v from 'valibot'
import { RtmsError } from '../../protocol/index.ts'
import type { Rtms } from '../../server/index.ts'
import { HttpError } from '../http.ts'
import { every, type Fault, type Part } from '../part.ts'
import { Lab, speeds, STEP_MS } from './lab.ts'

/* The page that teaches: a small laboratory for each visitor, and the server's own view of the visitor's session. */

const LABS = 200
const FORGET_MS = 300_000
/** What a lab's topic keeps for readers that are behind. */
const RING = { entries: 200, bytes: 262_144, ageMs: 60_000 }

const speedWish = v.object({ perSecond: v.picklist(speeds) })

export function inside(rtms: Rtms, fault: Fault): Part {
  /** By guest secret. */
  const labs = new Map<string, Lab>()
  rtms.topics.define('inside.*', RING)
  rtms.onRequest('inside.speed', ({ user, data }) => {
    const wish = v.safeParse(speedWish, data)
    if (!wish.success) throw new RtmsError('HANDLER_FAILED', `perSecond must be one of ${speeds.join(', ')}`)
    const lab = [...labs.values()].find((each) => each.user === user)
    if (lab === undefined) throw new RtmsError('NOT_FOUND', 'This lab is closed; load the page again.')
    lab.speed = wish.output.perSecond
    return { perSecond: lab.speed }
  })
  const step = (guest: string, lab: Lab): void => {
    const now = performance.now()
    try {
      if (now - lab.seenAt < FORGET_MS) lab.step(now)
      else {
        labs.delete(guest)
        lab.close()
      }
    } catch (error) {
      fault(error)
    }
  }
  const stop = every(STEP_MS, () => labs.forEach((lab, guest) => step(guest, lab)), fault)

  return {
    async admit(_wish, { user, guest }) {
      let lab = labs.get(guest)
      if (lab === undefined) {
        if (labs.size >= LABS) throw new RtmsError('FULL', 'All labs are taken. Try again in a few minutes.')
        lab = new Lab(rtms, user, performance.now())
        labs.set(guest, lab)
      }
      lab.user = user
      lab.seenAt = performance.now()
      await lab.open()
      return { meetings: [lab.name], topics: { read: [lab.name] }, answer: { lab: lab.name } }
    },
    async view(guest) {
      const lab = labs.get(guest)
      if (lab === undefined)
        throw new HttpError(404, 'there is no lab for this guest; ask for a ticket first')
      lab.seenAt = performance.now()
      return lab.view()
    },
    close: stop,
  }
}
