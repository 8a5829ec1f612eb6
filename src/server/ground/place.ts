/** What a node is for: an edge serves clients near it, and owns nothing. */
export type NodeRole = 'core' | 'edge'

/** A node as a ticket leads to it. */
export interface Place {
  readonly id: string
  /** Its public URL, in which `{host}` may still stand; '' where it has none. */
  readonly url: string
}
