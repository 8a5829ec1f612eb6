export { type Connection, useConnection } from './connection.ts'
export { type Meeting, type MeetingOptions, type Member, useMeeting } from './meeting.ts'
export { RtmsProvider } from './provider.ts'
export { type Topic, type TopicOptions, useTopic } from './topic.ts'
