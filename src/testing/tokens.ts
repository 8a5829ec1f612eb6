import type { Grant } from '../core/index.ts'

/** The scope of a token: everything, watching only, a part, or the rights of hostile peers. */
export type Rights = 'all' | 'watch' | 'some' | 'hostile'

/** The claims of a simulator's token, in plain text: signatures are left to the server. Times in wall milliseconds. */
export interface Claims {
  readonly user: string
  readonly id: string
  /** By the clock of its issuer, which may be ahead. */
  readonly issued: number
  /** When it really was issued, in virtual milliseconds: for the checkers. */
  readonly made: number
  /** The revocation of its user that it was issued after; 0 for none. */
  readonly after: number
  /** 0: never. */
  readonly expires: number
  readonly rights: Rights
}

const grants: Record<Rights, Pick<Grant, 'meetings' | 'read' | 'write'>> = {
  all: { meetings: [{ name: '*', role: 'member' }], read: ['*'], write: ['*'] },
  watch: { meetings: [{ name: '*', role: 'spectator' }], read: ['*'], write: [] },
  some: { meetings: [{ name: 'm0', role: 'member' }], read: ['t1'], write: [] },
  hostile: { meetings: [{ name: 'h0', role: 'member' }], read: ['h.*'], write: ['h.*'] },
}

/** Implemented a second time, because a checker does not ask the core. */
export function allows(
  rights: Rights,
  action: 'join' | 'subscribe' | 'publish',
  name: string,
  spectator: boolean,
): boolean {
  switch (rights) {
    case 'all':
      return true
    case 'watch':
      return action === 'join' ? spectator : action === 'subscribe'
    case 'some':
      return action === 'join' ? name === 'm0' : action === 'subscribe' && name === 't1'
    default:
      return action === 'join' ? name === 'h0' : name.startsWith('h.')
  }
}

export function encodeToken(claims: Claims): string {
  return JSON.stringify(claims)
}

/** The claims of a token, or null where it is none of the simulator's. */
export function readToken(token: string): Claims | null {
  try {
    const claims = JSON.parse(token) as Claims
    return typeof claims === 'object' && Object.hasOwn(grants, claims.rights) ? claims : null
  } catch {
    return null
  }
}

export function grantOf({ user, id, issued, after, expires, rights }: Claims): Grant {
  return { user, id, issued, after, expires, ...grants[rights] }
}
