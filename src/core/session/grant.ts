import { matches } from '../../protocol/names.ts'
import type { Grant } from '../ports.ts'

/** A member may also watch; a spectator may only watch. */
export function mayJoin(grant: Grant, meeting: string, spectator: boolean): boolean {
  return grant.meetings.some(({ name, role }) => matches(name, meeting) && (role === 'member' || spectator))
}

export function mayRead(grant: Grant, topic: string): boolean {
  return grant.read.some((pattern) => matches(pattern, topic))
}

export function mayWrite(grant: Grant, topic: string): boolean {
  return grant.write.some((pattern) => matches(pattern, topic))
}
