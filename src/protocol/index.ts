export { binaryCodec, clientCodec } from './binary.ts'
export type { Codec } from './codec.ts'
export type {
  Contract,
  FrameEvent,
  FramedOf,
  Joinable,
  Lacking,
  MeetingOf,
  NameIn,
  PushOf,
  RequestOf,
  TopicIn,
  TopicOf,
} from './contract.ts'
export { errorOf, errorTexts } from './error-texts.ts'
export {
  closeCodes,
  errorNames,
  errors,
  mayReconnect,
  RtmsError,
  type CloseReason,
  type ErrorCode,
  type ErrorDetails,
} from './errors.ts'
export { decodeEvent, eachFrame, type FrameEntry } from './frames.ts'
export { jsonCodec } from './json.ts'
export { isSpoken, limits, SYSTEM_SLOT, versions } from './limits.ts'
export { keyWords, nameFault, nameWords, patternFault, patternWords, userWords } from './name-faults.ts'
export { isKey, isName, isPattern, isUser, matches } from './names.ts'
export { fromPayload, payloadLength, toLatePayload, toPayload, type Payload } from './payload.ts'
export { eachPublication, type PublicationEntry } from './publications.ts'
export {
  events,
  isOfSessionLog,
  nowhere,
  schema,
  type ClientMessage,
  type EventType,
  type MeetingEvent,
  type Message,
  type MessageOf,
  type MessageType,
  type Position,
  type ServerMessage,
  type Side,
} from './schema.ts'
