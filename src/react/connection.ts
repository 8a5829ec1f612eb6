import { useCallback, useMemo, useSyncExternalStore } from 'react'
import type { Client, RtmsError, State } from '../client/index.ts'
import { useProvided } from './provider.ts'
import { findStore, Store, takeStore } from './store.ts'

interface Standing {
  readonly state: State
  /** Why it is not connected, where there is a reason. */
  readonly error: RtmsError | null
}

/** What {@link useConnection} returns. */
export interface Connection extends Standing {
  readonly client: Client
}

const SUBJECT = 'connection'
const CONNECTING: Standing = { state: 'connecting', error: null }
/** The state before any component listens. One object per state keeps it stable across renders. */
const unheard: Map<State, Standing> = new Map()

function standingOf(state: State): Standing {
  let standing = unheard.get(state)
  if (standing === undefined) unheard.set(state, (standing = { state, error: null }))
  return standing
}

class ConnectionStore extends Store<Standing> {
  readonly #client: Client
  #remove: () => void = () => {}

  constructor(client: Client, ended: () => void) {
    super(standingOf(client.state), ended)
    this.#client = client
  }

  protected override open(): void {
    this.#remove = this.#client.onState(() => this.changed())
  }

  protected override close(): void {
    this.#remove()
  }

  protected override compute(): Standing {
    const { state, error } = this.#client
    return { state, error }
  }
}

/** Returns the state of the connection. Renders again at each change. */
export function useConnection(): Connection {
  const client = useProvided('useConnection')
  const subscribe = useCallback(
    (changed: () => void) =>
      takeStore(client, SUBJECT, '', (ended) => new ConnectionStore(client, ended)).attach({ changed }),
    [client],
  )
  const snapshot = useCallback(
    () => findStore<ConnectionStore>(client, SUBJECT, '')?.state ?? standingOf(client.state),
    [client],
  )
  const standing = useSyncExternalStore(subscribe, snapshot, () => CONNECTING)
  return useMemo(() => ({ ...standing, client }), [standing, client])
}
