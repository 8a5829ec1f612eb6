import { words } from './language.ts'

/** What the demo's server tells with a ticket of the nodes of its cluster. A node alone tells nothing. */
export interface Nodes {
  readonly nodes?: readonly string[]
  /** The node that the ticket leads to where the visitor has chosen none: that of the room, for instance. */
  readonly home?: string
}

interface Texts {
  readonly node: string
  readonly hint: string
  readonly automatic: string
}

const text: Texts = words<Texts>({
  en: {
    node: 'Node',
    hint: 'The node that this page is connected to. Choose another one: everything works the same.',
    automatic: 'any',
  },
  zh: {
    node: '节点',
    hint: '本页连接的节点。换一个试试：一切照常。',
    automatic: '自动',
  },
})

let known: Nodes = {}

/** Takes note of what came with a ticket. */
export function noteNodes(nodes: Nodes): void {
  known = nodes
}

/** The node that this page's ticket leads to by itself; '' on a node alone, or where that is not known. */
export const homeNode = (): string => known.home ?? ''

/** The node that the address bar names, if any. */
export function chosenNode(): string | undefined {
  return new URLSearchParams(location.search).get('node') ?? undefined
}

function choose(node: string): void {
  const url = new URL(location.href)
  if (node === '') url.searchParams.delete('node')
  else url.searchParams.set('node', node)
  location.assign(url)
}

/** The node that the page is connected to, and a way to another one; nothing where there is no other. */
export function NodeChoice({ current }: { readonly current: string }) {
  const { nodes = [] } = known
  if (nodes.length === 0) return null
  const names = current === '' || nodes.includes(current) ? nodes : [current, ...nodes]
  return (
    <label class="node" title={text.hint}>
      <span>{text.node}</span>
      <select
        id="node"
        aria-label={text.node}
        value={current}
        onChange={(event) => choose(event.currentTarget.value)}
      >
        {(current === '' || chosenNode() !== undefined) && <option value="">{text.automatic}</option>}
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
