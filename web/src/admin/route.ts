/** What the page shows; it is in the part of the address behind #, so that a view can be linked and loaded again. */
export type Route =
  | { readonly view: 'overview' }
  | ListRoute
  | { readonly view: 'meeting'; readonly name: string }
  | { readonly view: 'topic'; readonly name: string }
  | { readonly view: 'user'; readonly name: string }

const lists = ['cluster', 'meetings', 'topics', 'sessions'] as const

/** A list, of what has this in its name; of the cluster, the meeting of this name. */
export type ListRoute = {
  [V in (typeof lists)[number]]: { readonly view: V; readonly search: string }
}[(typeof lists)[number]]

const details = { meetings: 'meeting', topics: 'topic', users: 'user' } as const

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Of `location.hash`; what is not known is the overview. */
export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?')
  const [place = '', ...rest] = path.split('/')
  const name = decoded(rest.join('/'))
  if (name !== '' && Object.hasOwn(details, place))
    return { view: details[place as keyof typeof details], name }
  const list = lists.find((each) => each === place)
  if (list === undefined) return { view: 'overview' }
  return { view: list, search: new URLSearchParams(query).get('q') ?? '' }
}

/** The address of a view. */
export function addressOf(route: Route): string {
  if (route.view === 'overview') return '#/'
  if ('name' in route) return `#/${route.view}s/${encodeURIComponent(route.name)}`
  return `#/${route.view}${route.search === '' ? '' : `?${new URLSearchParams({ q: route.search })}`}`
}
