/*
 * Names on NATS. A token there may hold anything but white space, dots and wildcards, and the client library checks
 * white space only. So a name is percent-encoded as in a URL, with the characters that mean something to NATS; an
 * operator can still read most names.
 */

/** What `encodeURIComponent` leaves as it is, and NATS or a shell does not. */
const SPECIAL = /[.*~!'()]/g

const escape = (character: string): string =>
  `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`

/** The subject of NATS for a subject of the bus; `s` keeps the token from being empty. */
export function subjectOf(cluster: string, subject: string): string {
  return `${cluster}.s${encodeURIComponent(subject).replace(SPECIAL, escape)}`
}

/** The subject of NATS by which one node is reached. */
export function nodeSubjectOf(cluster: string, incarnation: number): string {
  return `${cluster}.n${incarnation}`
}

/** Where a node wants the answer to a question of its own, so many questions after it began. */
export function replySubjectOf(own: string, asked: number): string {
  return `${own}.${asked}`
}

/** Whether a node of the cluster may want an answer there. */
export function isReplySubject(cluster: string, subject: string): boolean {
  const start = `${cluster}.n`
  return subject.startsWith(start) && /^\d+\.\d+$/.test(subject.slice(start.length))
}
