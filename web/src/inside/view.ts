/** Where a cursor stands in a log, as the server says. */
export interface CursorView {
  readonly of: 'meeting' | 'topic'
  readonly position: number
  readonly first: number
  readonly next: number
}

/** The server's own view of this visitor's session. */
export interface View {
  readonly session: {
    readonly connected: boolean
    readonly cursors: readonly CursorView[]
    readonly waiting: { readonly messages: number; readonly bytes: number }
    readonly unacknowledgedBytes: number
    readonly window: number
  } | null
  readonly frame: number
  readonly published: number
  readonly speed: number
}

const EVERY_MS = 200

/**
 * Asks five times a second, over plain HTTP beside the connection under test: so it is seen even while that stands
 * still. `whose` is null until there is a ticket; `route` is the query of its URL.
 */
export function watch(
  whose: () => { readonly guest: string; readonly route: string } | null,
  seen: (view: View) => void,
): void {
  const ask = async (): Promise<void> => {
    const asked = whose()
    if (asked !== null && !document.hidden) {
      try {
        const headers = { authorization: `Bearer ${asked.guest}` }
        const response = await fetch(`/api/inside/view${asked.route}`, { headers })
        if (response.ok) seen((await response.json()) as View)
      } catch {
        // The server is away; the picture stays as it was.
      }
    }
    setTimeout(() => void ask(), EVERY_MS)
  }
  void ask()
}

export const cursorOf = (view: View | null, of: CursorView['of']): CursorView | null =>
  view?.session?.cursors.find((cursor) => cursor.of === of) ?? null

/** Nothing more is written until the client acknowledges. */
export const isStalled = (view: View | null): boolean =>
  view?.session?.connected === true &&
  view.session.window > 0 &&
  view.session.unacknowledgedBytes >= view.session.window
