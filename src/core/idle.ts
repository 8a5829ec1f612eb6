import { errorOf } from '../protocol/error-texts.ts'
import type { Ports } from './guards.ts'

const nothing = (): void => {}

/** Ports of a node that nobody uses: a business that answers nothing, a bus without other nodes. */
export const idlePorts: Ports = {
  application: {
    authenticate: nothing,
    request: nothing,
    requestEnded: nothing,
    authorize: nothing,
    authorizeEnded: nothing,
    openMissing: nothing,
    openMissingEnded: nothing,
    located: nothing,
    adopt: () => null,
    callMeeting: () => errorOf('NO_HANDLER'),
    drain() {},
    connected: nothing,
    disconnected: nothing,
  },
  bus: { hears: () => false, publish: nothing, send: nothing, subscribe: nothing, unsubscribe: nothing },
  fault: nothing,
}
