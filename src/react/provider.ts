import {
  type Context,
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
} from 'react'
import type { Client } from '../client/index.ts'
import type { Contract } from '../protocol/index.ts'

const ClientContext: Context<Client | null> = createContext<Client | null>(null)

/**
 * Gives the components below it a client. Make the client outside of components, with `connect` of `rtms/client`, so it
 * is made once; the code that makes it also closes it.
 */
export function RtmsProvider<C extends Contract>({
  client,
  children,
}: {
  readonly client: Client<C>
  readonly children?: ReactNode
}): ReactElement {
  // Which contract it has is for those to say who use it.
  return createElement(ClientContext.Provider, { value: client as unknown as Client }, children)
}

export function useProvided(hook: string): Client {
  const client = useContext(ClientContext)
  if (client === null) throw new Error(`${hook} needs an <RtmsProvider client={…}> above it`)
  return client
}

/**
 * Returns the client of the {@link RtmsProvider} above, for requests, publications, and subscriptions in an effect.
 * `C` is the contract that it was made with.
 */
export function useClient<C extends Contract = Contract>(): Client<C> {
  return useProvided('useClient') as unknown as Client<C>
}
