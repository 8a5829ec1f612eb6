/**
 * What things weigh in memory, in bytes, besides the payloads and names that they carry: objects, their places in maps
 * and rings, and the buffer of a payload. Measured on Node 22 by `test/weight`, which holds every row to
 * within 1.5 × of what a heap weighs, in both directions.
 */
export const weights = {
  /** A byte array of its own: the array, its buffer, and what the allocator adds. */
  bytes: 200,
  /** A place in a ring: of an entry of a session log, of a frame that delayed spectators have yet to see. */
  place: 16,
  /** An empty frame: all share one byte array, so what is left is a place in two rings. */
  emptyFrame: 24,
  /** A publication with its payload's byte array and its place in the ring. */
  publication: 380,
  /** A key of a topic besides its publication: its place in the map, and the string. */
  key: 64,
  /** A message in an upstream queue, and each item of a list in it, besides their fields. */
  message: 120,
  item: 80,
  /** A field of such a message: a number, a flag or the reference to a text. */
  field: 16,
  /** A text besides its characters. */
  text: 24,
  /** The view of a payload, besides its bytes. */
  payload: 200,
  /** A message that waits for one connection alone. */
  control: 300,
  /** A cached batch besides the bytes of its forms. */
  batch: 150,
  /** A request under way, with its payload's byte array. */
  request: 700,
  /** An input that waits for a frame, with its payload's byte array. */
  input: 330,
  /** A question to the business whether a user may do something. */
  question: 430,
  /** A session with its connection. */
  session: 2_900,
  /** A subscription, as long as its session reads the topic. */
  subscription: 200,
  /** A member of a meeting with its seat, and a spectator's seat. */
  member: 700,
  spectator: 280,
  /** A user whose joins of a meeting are counted, and an event that delayed spectators have yet to see. */
  joiner: 150,
  event: 150,
  /** A topic, and what it gets with its first publication. */
  topic: 200,
  entries: 1_150,
  /** A meeting without members. */
  meeting: 4_500,
} as const
