import type { MeetingEvent } from './schema.ts'

/*
 * The types of what a business and its clients say to each other: one type, given to `connect` and to `Rtms.start`.
 * Types alone: nothing here exists when the program runs.
 */

/**
 * The shape of a business's contract. What it leaves out stays untyped; of a part that it has, only the names in it may
 * be used.
 *
 * - `requests`: by method, `{ input, output }`.
 * - `pushes`: by name, the data.
 * - `topics`: by name or pattern (`stock.*`), the data.
 * - `meetings`: by kind, `{ input, framed, message, say, state }`: what members send; what frames hold, where `onInput`
 *   puts something else in the place of that; what `sendTo` tells one of them, what `say` tells all, and what `snapshot`
 *   returns.
 */
export interface Contract {
  readonly requests?: object
  readonly pushes?: object
  readonly topics?: object
  readonly meetings?: object
}

/** A part of a contract; never where it has none. */
type Part<C, P extends keyof Contract> = C extends { readonly [K in P]: infer X extends object } ? X : never

/** A field of an entry; unknown where it is left out. */
type Field<E, F extends string> = E extends { readonly [K in F]?: infer X } ? X : unknown

/** The names in a part of a contract; any string where it has none. */
export type NameIn<C, P extends keyof Contract> = [Part<C, P>] extends [never]
  ? string
  : keyof Part<C, P> & string

/** Of a method the input or output; `T` where the contract says nothing of requests. */
export type RequestOf<C, M extends string, F extends 'input' | 'output', T = unknown> = [
  Part<C, 'requests'>,
] extends [never]
  ? T
  : M extends keyof Part<C, 'requests'>
    ? Field<Part<C, 'requests'>[M], F>
    : never

/** The data of a push; `T` where the contract says nothing of pushes. */
export type PushOf<C, N extends string, T = unknown> = [Part<C, 'pushes'>] extends [never]
  ? T
  : N extends keyof Part<C, 'pushes'>
    ? Part<C, 'pushes'>[N]
    : never

/** The names that a name or pattern of a topic stands for. */
type NamesOf<K> = K extends '*' ? string : K extends `${infer Prefix}.*` ? `${Prefix}.${string}` : K

/** The topics that a contract allows: its names, and those that its patterns stand for. */
export type TopicIn<C> = [Part<C, 'topics'>] extends [never]
  ? string
  : NamesOf<keyof Part<C, 'topics'>> & string

/** The data of a topic, or of the topics of a pattern; `T` where the contract says nothing of topics. */
export type TopicOf<C, N extends string, T = unknown> = [Part<C, 'topics'>] extends [never]
  ? T
  : N extends keyof Part<C, 'topics'>
    ? Part<C, 'topics'>[N]
    : {
        [K in keyof Part<C, 'topics'>]: N extends NamesOf<K> ? Part<C, 'topics'>[K] : never
      }[keyof Part<C, 'topics'>]

/** What `join` takes as its type: a kind of the contract or, where it has no meetings, the type of an input. */
export type Joinable<C> = [Part<C, 'meetings'>] extends [never] ? unknown : NameIn<C, 'meetings'>

/**
 * What a kind of meeting says of inputs, messages to one member, words to all, or its state; `T` without a contract of
 * meetings.
 */
export type MeetingOf<C, K, F extends 'input' | 'message' | 'say' | 'state', T = unknown> = [
  Part<C, 'meetings'>,
] extends [never]
  ? T
  : K extends keyof Part<C, 'meetings'>
    ? Field<Part<C, 'meetings'>[K], F>
    : unknown

/** What frames of a kind of meeting hold; `T` without a contract of meetings. */
export type FramedOf<C, K, T = unknown> = [Part<C, 'meetings'>] extends [never]
  ? T
  : K extends keyof Part<C, 'meetings'>
    ? Part<C, 'meetings'>[K] extends { readonly framed: infer X }
      ? X
      : Field<Part<C, 'meetings'>[K], 'input'>
    : unknown

/** No arguments where a contract has all of `P`; else one that nobody has, so that the call does not compile. */
export type Lacking<C, P> = C extends P ? [] : [this: 'part of the contract']

/** An event of a frame as applications get it: `say` with the value that the business said. */
export type FrameEvent<W = unknown> =
  | Exclude<MeetingEvent, { readonly type: 'say' }>
  | { readonly type: 'say'; readonly data: W }
