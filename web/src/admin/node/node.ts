import { NodeApi } from './api.ts'
import { Watch } from './watch.ts'

/** The node that this page is from: there is one, and every view asks it. */
export const api = new NodeApi()
export const watch = new Watch(api)

/** How many other nodes the node knows of. */
export const otherNodes = (): number => watch.history.latest?.reading.total('rtms_peers') ?? 0
