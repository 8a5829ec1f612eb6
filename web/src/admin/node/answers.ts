/* What the HTTP API answers, as far as the dashboard reads it; docs/http-api.md says where it is described. */

/** What the page is told before it asks anything else: `Access` of src/server/edge/admin.ts. */
export interface Access {
  readonly node: string
  readonly path: string
  readonly hasKeys: boolean
  readonly needsKey: 'option' | 'remote' | 'proxy' | 'host' | null
}

export interface Info {
  readonly node: string
  readonly version: string
  readonly status: 'ok' | 'draining' | 'expelled'
  readonly readiness: 'ready' | 'draining' | 'late' | 'expelled' | 'cut-off'
  readonly latenessMs: number
  readonly uptimeMs: number
  readonly connections: number
  readonly sessions: number
  readonly meetings: number
  readonly topics: number
}

export interface Load {
  readonly connections: number
  readonly sessions: number
  readonly meetings: number
  readonly replicas: number
  readonly topics: number
  readonly busBytesIn: number
  readonly busBytesOut: number
}

export interface ClusterNode {
  readonly node: string
  readonly incarnation: number
  readonly address: string
  readonly role: 'core' | 'edge'
  readonly status: 'self' | 'alive' | 'silent'
  readonly heardMs: number
  /** Null where it is not known. */
  readonly load: Load | null
  /** It hands over what it has, and takes nothing new. */
  readonly draining: boolean
}

export interface Carried {
  readonly direction: 'in' | 'out'
  readonly kind: 'topics' | 'digests' | 'nodes' | 'links' | 'frames' | 'other'
  readonly messages: number
  readonly bytes: number
}

export interface ClusterAnswer {
  /** Nodes may be cut off and killed by this one. */
  readonly faults: boolean
  readonly nodes: readonly ClusterNode[]
  readonly bus: { readonly up: boolean; readonly traffic: readonly Carried[] }
}

/** A meeting that has gone on at another node than before. */
export interface Succession {
  readonly meeting: string
  readonly node: string
  /** A name, or the number of a run. */
  readonly from: string
  readonly how: 'handover' | 'revival' | 'fork'
  readonly frame: number
  readonly agoMs: number
}

export interface SuccessionsAnswer extends OfAll {
  readonly successions: readonly Succession[]
}

/** Where a meeting is, as far as the nodes have answered. */
export interface Whereabouts {
  readonly owner: string | null
  readonly replicas: readonly string[]
  readonly missing: readonly string[]
}

export interface Metric {
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  readonly values: readonly {
    readonly name: string
    readonly labels: Readonly<Record<string, string | number>>
    readonly value: number
  }[]
}

/** Values over time: one number where a value has not changed, else one for each sample. */
export interface Past {
  readonly metrics: readonly string[]
  readonly agoMs: readonly number[]
  readonly series: readonly {
    readonly name: string
    readonly labels: Readonly<Record<string, string | number>>
    readonly values: readonly (number | null)[]
  }[]
}

interface MeetingFacts {
  readonly name: string
  readonly kind: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly frameRate: number
  readonly capacity: number
  readonly spectators: number
  readonly frame: number
}

/** Of a list of all nodes: the names of those that did not answer. */
export interface OfAll {
  readonly missing: readonly string[]
}

export interface MeetingLine extends MeetingFacts {
  readonly node: string
  readonly members: number
}

export interface Member {
  readonly slot: number
  readonly user: string
  readonly away: boolean
  readonly bot: boolean
}

export interface MeetingDetail extends MeetingFacts {
  readonly members: readonly Member[]
}

interface TopicFacts {
  readonly subscribers: number
  readonly keys: number
  readonly publications: number
  readonly kept: number
  readonly bytes: number
}

export interface TopicLine extends TopicFacts {
  readonly name: string
}

export interface Kept {
  readonly data?: unknown
  readonly base64?: string
  readonly key: string
  readonly removed: boolean
  readonly time: number
}

export interface TopicDetail extends TopicFacts {
  readonly latest: readonly Kept[]
}

export interface Cursor {
  readonly of: 'meeting' | 'topic'
  readonly name: string
  readonly position: number
  readonly first: number
  readonly next: number
}

export interface Session {
  readonly node: string
  readonly user: string
  readonly connected: boolean
  readonly meetings: readonly { readonly name: string; readonly slot: number }[]
  readonly topics: readonly string[]
  readonly subscriptions: number
  readonly cursors: readonly Cursor[]
  readonly requests: number
  readonly waiting: { readonly messages: number; readonly bytes: number }
  readonly unacknowledgedBytes: number
  readonly window: number
}
