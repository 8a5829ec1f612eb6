/*
 * The URL that tickets name is the operator's: some balancers match a query, all match a path or a host, and without
 * one each node has a port of its own. `{node}` is the id of the node, `{port}` the port it listens on, `{host}` the
 * host that the client asked the business by.
 */

/** What stands for the fields of a template. */
export interface UrlFields {
  readonly node: string
  readonly port: string
  readonly host: string
}

const FIELD = /\{(\w*)\}/g
const sample: UrlFields = { node: 'n', port: '1', host: 'h' }

/** The template with these fields filled in; others stay as they are. */
export function fill(template: string, fields: Partial<UrlFields>): string {
  return template.replaceAll(FIELD, (whole, name: string) => fields[name as keyof UrlFields] ?? whole)
}

export function hasField(template: string, name: keyof UrlFields): boolean {
  return template.includes(`{${name}}`)
}

/** The template with the id of the node in its query, where it stands nowhere else. */
export function withNode(template: string): string {
  if (hasField(template, 'node')) return template
  return `${template}${template.includes('?') ? '&' : '?'}route={node}`
}

export function isPublicUrl(value: unknown): boolean {
  if (typeof value !== 'string') return false
  const filled = fill(value, sample)
  if (/[{}]/.test(filled) || !URL.canParse(filled)) return false
  const { protocol, hash, username } = new URL(filled)
  return (protocol === 'ws:' || protocol === 'wss:') && hash === '' && username === ''
}

/** Whether the id of the node becomes a part of the host's name. */
export function namesHost(template: string): boolean {
  return /^\w+:\/\/[^/?]*\{node\}/.test(template)
}

/** Whether the id of a node can be a label of a host's name, whose case does not count. */
export function isLabel(id: string): boolean {
  return /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/.test(id)
}

/** Ids of nodes, as they stand in paths and queries. */
const NODE = '[\\w-]{1,64}'
const NODE_ID = new RegExp(`^${NODE}$`)
const NODE_PATH = new RegExp(`^/n/${NODE}(?=/)`)

export function isNodeId(value: unknown): boolean {
  return typeof value === 'string' && NODE_ID.test(value)
}

/** The path without the `/n/<node>` in front, by which a balancer finds the node. */
export function withoutNode(path: string): string {
  return path.replace(NODE_PATH, '')
}
