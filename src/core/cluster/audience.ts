import { fewWatchersOf } from '../meeting/frame-shares.ts'
import type { Room } from '../meeting/room.ts'
import type { MeshMessage } from './mesh-messages.ts'

interface Readers {
  readonly readers: number
  readonly spectators: number
}

/** What the owner of a meeting has been told of who reads at a replica. */
export class Audience {
  #told: Readers = { readers: 0, spectators: 0 }
  #watchers = ''

  /** The owner is told anew, of these readers first. */
  begin(readers: Readers): Readers {
    this.#watchers = ''
    return (this.#told = readers)
  }

  /** What there is to tell: how many they are, and which users the spectators, where these are few. */
  news(replica: number, { readers, spectators }: Readers, room: Room | null): MeshMessage[] {
    const news: MeshMessage[] = []
    if (readers !== this.#told.readers || spectators !== this.#told.spectators) {
      this.#told = { readers, spectators }
      news.push({ type: 'readers', replica, readers, spectators })
    }
    // Where there are none, nobody asks who they are.
    if (room === null || spectators === 0) return news
    const users = fewWatchersOf(room)
    const watchers = users.join('\n')
    if (watchers !== this.#watchers) {
      this.#watchers = watchers
      news.push({ type: 'watchers', replica, users: users.map((user) => ({ user })) })
    }
    return news
  }
}
