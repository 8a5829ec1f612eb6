// For frameworks that render components on the server: these are for the browser.
'use client'

export { type Connection, useConnection } from './connection.ts'
export type { Member } from '../client/index.ts'
export { type Meeting, type MeetingOptions, useMeeting } from './meeting.ts'
export { RtmsProvider } from './provider.ts'
export { type Topic, type TopicOptions, useTopic } from './topic.ts'
