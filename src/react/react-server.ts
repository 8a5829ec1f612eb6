// The `react-server` condition: components that a server renders may import the hooks, which run in the browser.
'use client'

// By name: `export *` from a client module is not supported everywhere.
export { RtmsProvider, useClient, useConnection, useMeeting, useTopic } from './index.ts'
