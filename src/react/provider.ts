import {
  type Context,
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
} from 'react'
import type { Client } from '../client/index.ts'

const ClientContext: Context<Client | null> = createContext<Client | null>(null)

/**
 * Gives the components below it a client. Make the client outside of components, with `connect` of `rtms/client`, so it
 * is made once; the code that makes it also closes it.
 */
export function RtmsProvider({
  client,
  children,
}: {
  readonly client: Client
  readonly children?: ReactNode
}): ReactElement {
  return createElement(ClientContext.Provider, { value: client }, children)
}

export function useClient(hook: string): Client {
  const client = useContext(ClientContext)
  if (client === null) throw new Error(`${hook} needs an <RtmsProvider client={…}> above it`)
  return client
}
