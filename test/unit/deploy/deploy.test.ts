import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { isProxy } from '../../../src/server/ground/address-range.ts'
import { fill, isNodeId, isPublicUrl, withoutNode } from '../../../src/server/options/public-url.ts'
import { readYaml, type Yaml } from './yaml.ts'

/* The files of `deploy/` that no test can run: read, and held to what the nodes, and each other, say. */

const root = fileURLToPath(new URL('../../..', import.meta.url))
const file = (path: string): string => readFileSync(root + path, 'utf8')
const read = (name: string): Yaml[] => readYaml(file(`deploy/${name}`))

/** What is at this path of keys and numbers. */
function at(yaml: Yaml | undefined, path: string): Yaml | undefined {
  return path
    .split('.')
    .reduce<Yaml | undefined>(
      (value, key) => (typeof value === 'object' ? (value as Record<string, Yaml>)[key] : undefined),
      yaml,
    )
}

const list = (yaml: Yaml | undefined, path: string): readonly Yaml[] => {
  const value = at(yaml, path)
  if (!Array.isArray(value)) throw new Error(`${path} is no list`)
  return value as Yaml[]
}

function textOf(yaml: Yaml | undefined): string {
  if (typeof yaml === 'string') return yaml
  throw new Error(`${JSON.stringify(yaml)} is no text`)
}

/** Every text in it. */
function* texts(yaml: Yaml): Generator<string> {
  if (typeof yaml === 'string') yield yaml
  else for (const value of Object.values(yaml)) yield* texts(value)
}

const commands = readdirSync(`${root}src/cli`, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => file(`src/cli/${name}`))
  .join('\n')

const PORT = /const DEFAULT_PORT = '(\d+)'/.exec(commands)?.[1] ?? ''
const http = file('src/server/edge/http.ts')
const metrics = file('src/server/metrics.ts')

/** The variables that a container is given, each of which the command reads. */
function checkEnvironment(env: Readonly<Record<string, Yaml>>): void {
  for (const name of Object.keys(env)) expect(commands).toContain(`'${name}'`)
  const url = textOf(env['RTMS_PUBLIC_URL'])
  expect(isPublicUrl(url)).toBe(true)
  expect(url).toContain('{node}')
  for (const proxy of textOf(env['RTMS_TRUSTED_PROXIES']).split(',')) expect(isProxy(proxy)).toBe(true)
  for (const name of ['RTMS_SECRET', 'RTMS_CLUSTER_SECRET', 'RTMS_NATS', 'RTMS_NODE_ID'])
    expect(Object.keys(env)).toContain(name)
}

it('the port that all files name is the one of `rtms serve` and of the Dockerfile', () => {
  expect(PORT).toBe('7788')
  expect(file('Dockerfile')).toContain(`PORT=${PORT}`)
  for (const name of ['haproxy/haproxy.cfg', 'nginx/nginx.conf', 'envoy/envoy.yaml'])
    for (const [, node, port] of file(`deploy/${name}`).matchAll(/(rtms-\d)(?::|, port_value: )(\d+)/g))
      expect([isNodeId(node), port]).toEqual([true, PORT])
})

describe('The Envoy configuration', () => {
  const [envoy] = read('envoy/envoy.yaml')
  const manager = at(envoy, 'static_resources.listeners.0.filter_chains.0.filters.0.typed_config')
  const clusters = new Map(
    list(envoy, 'static_resources.clusters').map((cluster) => [at(cluster, 'name'), cluster]),
  )
  const endpoints = (cluster: Yaml | undefined): unknown[] =>
    list(cluster, 'load_assignment.endpoints.0.lb_endpoints').map((each) =>
      at(each, 'endpoint.address.socket_address'),
    )
  const nodeOf = (n: number): object => ({ address: `rtms-${n}`, port_value: PORT })
  const routes = list(manager, 'route_config.virtual_hosts.0.routes')

  it('leads a ticket to its node by the path and by the query, and else to any', () => {
    const matches = routes.map((route) => at(route, 'match'))
    const query = (n: number): object => ({
      prefix: '/',
      query_parameters: [{ name: 'route', string_match: { exact: `rtms-${n}` } }],
    })
    const path = (n: number): object => ({ prefix: `/n/rtms-${n}/` })
    expect(matches).toEqual([...[0, 1, 2].map(path), ...[0, 1, 2].map(query), { prefix: '/' }])
    const to = [0, 1, 2].map((n) => `to_rtms_${n}`)
    expect(routes.map((route) => at(route, 'route.cluster'))).toEqual([...to, ...to, 'any'])
  })

  it('leads elsewhere while the node is not ready', () => {
    for (const n of [0, 1, 2]) {
      const config = at(clusters.get(`to_rtms_${n}`), 'cluster_type.typed_config')
      expect(list(config, 'clusters')).toEqual([`rtms_${n}`, 'any'])
      expect(endpoints(clusters.get(`rtms_${n}`))).toEqual([nodeOf(n)])
    }
    expect(endpoints(clusters.get('any'))).toEqual([0, 1, 2].map(nodeOf))
    expect(clusters.size).toBe(7)
    for (const name of ['rtms_0', 'rtms_1', 'rtms_2', 'any']) {
      const path = at(clusters.get(name), 'health_checks.0.http_health_check.path')
      expect(http).toContain(`path === '${textOf(path)}'`)
      expect(path).toBe('/readyz')
    }
  })

  it('lets WebSockets through, quiet ones too, and not what clients say of their address', () => {
    expect(list(manager, 'upgrade_configs')).toEqual([{ upgrade_type: 'websocket' }])
    expect(at(manager, 'stream_idle_timeout')).toBe('0s')
    expect(new Set(routes.map((route) => at(route, 'route.timeout')))).toEqual(new Set(['0s']))
    expect(at(manager, 'use_remote_address')).toBe('true')
    expect(list(manager, 'route_config.request_headers_to_remove')).toEqual(['forwarded'])
  })
})

describe('The Kubernetes manifests', () => {
  const all = ['rtms', 'gateway', 'nats'].flatMap((name) => read(`kubernetes/${name}.yaml`))
  const find = (kind: string, name: string): Yaml | undefined =>
    all.find((each) => at(each, 'kind') === kind && at(each, 'metadata.name') === name)
  const set = find('StatefulSet', 'rtms')
  const container = at(set, 'spec.template.spec.containers.0')
  const most = Number(at(find('HorizontalPodAutoscaler', 'rtms'), 'spec.maxReplicas'))

  it('give the node an environment that it reads, and its name', () => {
    const env = Object.fromEntries(
      list(container, 'env').map((each) => [
        at(each, 'name'),
        at(each, 'value') ?? at(each, 'valueFrom') ?? '',
      ]),
    ) as Record<string, Yaml>
    checkEnvironment(env)
    expect(env['PORT']).toBe(PORT)
    expect(at(env['RTMS_NODE_ID'], 'fieldRef.fieldPath')).toBe('metadata.name')
    const made = [...file('deploy/kubernetes/rtms.yaml').matchAll(/--from-literal=([\w-]+)=/g)]
    const wanted = Object.values(env).flatMap((value) => at(value, 'secretKeyRef.key') ?? [])
    expect(new Set(made.map(([, key]) => key))).toEqual(new Set(wanted))
  })

  it('ask the node what it answers, and give it time to close', () => {
    for (const probe of ['startup', 'readiness', 'liveness']) {
      const path = textOf(at(container, `${probe}Probe.httpGet.path`))
      expect(http).toContain(`path === '${path}'`)
      expect(path === '/readyz').toBe(probe === 'readiness')
    }
    expect(list(container, 'ports')).toEqual([{ name: 'http', containerPort: PORT }])
    const [sleep, seconds] = list(container, 'lifecycle.preStop.exec.command')
    const closing = Number(/DEFAULT_CLOSE_MS = (\d+)_000/.exec(file('src/server/rtms.ts'))?.[1])
    expect(sleep).toBe('sleep')
    expect(Number(seconds) + 2 * closing).toBeLessThan(
      Number(at(set, 'spec.template.spec.terminationGracePeriodSeconds')),
    )
  })

  it('lead a ticket to its pod by the path, for as many pods as there may be', () => {
    const url = /value: (wss:\S+)/.exec(file('deploy/kubernetes/rtms.yaml'))?.[1] ?? ''
    const rules = list(find('HTTPRoute', 'rtms'), 'spec.rules')
    expect(rules).toHaveLength(most + 1)
    for (let n = 0; n < most; n++) {
      const { hostname, pathname } = new URL(fill(url, { node: `rtms-${n}` }))
      expect(list(find('HTTPRoute', 'rtms'), 'spec.hostnames')).toEqual([hostname])
      expect(at(rules[n], 'matches.0.path')).toEqual({ type: 'PathPrefix', value: pathname })
      expect(withoutNode(pathname)).toBe('/rtms')
      expect(list(rules[n], 'backendRefs')).toEqual([{ name: `rtms-${n}`, port: PORT }])
      const service = find('Service', `rtms-${n}`)
      expect(at(service, 'spec.selector')).toEqual({ 'statefulset.kubernetes.io/pod-name': `rtms-${n}` })
      expect(at(service, 'spec.ports.0.port')).toBe(PORT)
    }
    expect(rules.map((rule) => at(rule, 'timeouts.request'))).toEqual(rules.map(() => '0s'))
    expect(at(rules[most], 'matches.0.path.value')).toBe('/rtms')
    expect(list(rules[most], 'backendRefs')).toEqual([{ name: 'rtms', port: PORT }])
  })

  it('belong together: names of services, labels, servers of NATS', () => {
    const headless = find('Service', textOf(at(set, 'spec.serviceName')))
    expect(at(headless, 'spec.clusterIP')).toBe('None')
    for (const [kind, name, path] of [
      ['Service', 'rtms', 'spec.selector'],
      ['Service', 'rtms-nodes', 'spec.selector'],
      ['StatefulSet', 'rtms', 'spec.selector.matchLabels'],
      ['PodDisruptionBudget', 'rtms', 'spec.selector.matchLabels'],
    ] as const)
      expect(at(find(kind, name), path)).toEqual(at(set, 'spec.template.metadata.labels'))
    const nats = find('StatefulSet', 'nats')
    const count = Number(at(nats, 'spec.replicas'))
    const servers = (port: string): string[] =>
      Array.from(
        { length: count },
        (_, n) => `nats://nats-${n}.${textOf(at(nats, 'spec.serviceName'))}:${port}`,
      )
    const given = list(container, 'env').find((each) => at(each, 'name') === 'RTMS_NATS')
    expect(textOf(at(given, 'value')).split(',')).toEqual(servers('4222'))
    const conf = [...texts(at(find('ConfigMap', 'nats'), 'data') as Yaml)].join('\n')
    expect(conf).toContain(`routes: [${servers('6222').join(', ')}]`)
    expect(at(find('Service', 'nats'), 'spec.ports.0.port')).toBe('4222')
  })

  it('scale by metrics that the node has and the adapter offers', () => {
    const [adapter] = read('kubernetes/prometheus-adapter.yaml')
    const offered = list(adapter, 'rules.custom').map(
      (rule) => /^\w+/.exec(textOf(at(rule, 'seriesQuery')))?.[0],
    )
    const wanted = list(find('HorizontalPodAutoscaler', 'rtms'), 'spec.metrics').map((each) =>
      at(each, 'pods.metric.name'),
    )
    expect(wanted).toEqual(offered)
    for (const name of wanted) expect(metrics).toContain(`gauge('${textOf(name).replace('rtms_', '')}'`)
    const annotations = at(set, 'spec.template.metadata.annotations')
    expect(annotations).toEqual({ 'prometheus.io/scrape': 'true', 'prometheus.io/port': PORT })
  })
})

describe('The compose file', () => {
  const [compose] = read('compose.yaml')
  const haproxy = file('deploy/haproxy/haproxy.cfg')

  it('has the nodes that HAProxy looks for, each with its name and an environment that it reads', () => {
    const names = [...haproxy.matchAll(/^ {4}server (\S+) (\S+):(\d+)$/gm)].map(([, name, host, port]) => {
      expect([host, port]).toEqual([name, PORT])
      return name
    })
    // Once with health checks, and once without, for when none is ready.
    expect(names).toEqual(['rtms-0', 'rtms-1', 'rtms-2', 'rtms-0', 'rtms-1', 'rtms-2'])
    for (const name of names) {
      const env = at(compose, `services.${name}.environment`) as Record<string, Yaml>
      checkEnvironment(env)
      expect(env['RTMS_NODE_ID']).toBe(name)
      expect(at(compose, `services.${name}.build`)).toBe('..')
    }
    expect(at(compose, 'x-environment.RTMS_NATS')).toBe('nats://nats:4222')
  })

  it('has HAProxy listen where the public URL leads', () => {
    const [ports] = list(compose, 'services.haproxy.ports')
    const [outside, inside] = textOf(ports).split(':')
    expect(haproxy).toContain(`bind :${inside}\n`)
    expect(new URL(textOf(at(compose, 'x-environment.RTMS_PUBLIC_URL'))).port).toBe(outside)
    const [volume] = list(compose, 'services.haproxy.volumes')
    const [source = ''] = textOf(volume).split(':')
    expect(file(`deploy/${source}`)).toBe(haproxy)
  })
})
