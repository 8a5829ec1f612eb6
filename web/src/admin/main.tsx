import type { State } from 'rtms/client'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Menu, Page, show } from '../shell/shell.tsx'
import { api, watch } from './node/node.ts'
import type { NodeState } from './node/watch.ts'
import { KeyForm } from './parts/key-form.tsx'
import { addressOf, type Route, routeOf } from './route.ts'
import { Cluster } from './views/cluster.tsx'
import { Meeting } from './views/meeting.tsx'
import { Meetings } from './views/meetings.tsx'
import { Overview } from './views/overview.tsx'
import { Sessions } from './views/sessions.tsx'
import { Topic } from './views/topic.tsx'
import { Topics } from './views/topics.tsx'
import { User } from './views/user.tsx'
import { format, text } from './words/common.ts'
import './style.css'
import './chart/style.css'
import './ring/style.css'

/** Which item of the menu a view belongs to. */
const belongs: Readonly<Record<Route['view'], keyof typeof text.views>> = {
  overview: 'overview',
  cluster: 'cluster',
  meetings: 'meetings',
  meeting: 'meetings',
  topics: 'topics',
  topic: 'topics',
  sessions: 'sessions',
  user: 'sessions',
}

function menuOf(route: Route): Menu {
  const names = Object.keys(text.views) as (keyof typeof text.views)[]
  return {
    label: text.menu,
    home: '#/',
    items: names.map((name) => ({
      to: addressOf(name === 'overview' ? { view: name } : { view: name, search: '' }),
      label: text.views[name],
      isCurrent: belongs[route.view] === name,
    })),
  }
}

/** How the node stands, in the words of a connection. */
const states: Readonly<Record<NodeState, State>> = {
  starting: 'connecting',
  up: 'connected',
  away: 'disconnected',
  locked: 'closed',
  off: 'closed',
}

function View({ route }: { readonly route: Route }) {
  if (route.view === 'overview') return <Overview />
  if (route.view === 'cluster') return <Cluster meeting={route.search} />
  if (route.view === 'meetings') return <Meetings search={route.search} />
  if (route.view === 'meeting') return <Meeting key={route.name} name={route.name} />
  if (route.view === 'topics') return <Topics search={route.search} />
  if (route.view === 'topic') return <Topic key={route.name} name={route.name} />
  if (route.view === 'sessions') return <Sessions search={route.search} />
  return <User key={route.name} name={route.name} />
}

function Dashboard() {
  const [route, setRoute] = useState(routeOf(location.hash))
  const [, draw] = useState(0)
  useEffect(() => {
    const go = (): void => setRoute(routeOf(location.hash))
    addEventListener('hashchange', go)
    const ignore = watch.onChange(() => draw((n) => n + 1))
    return () => {
      removeEventListener('hashchange', go)
      ignore()
    }
  }, [])
  const { state, info } = watch
  const name = 'name' in route ? route.name : text.views[belongs[route.view]]
  useEffect(() => {
    document.title = `${name} – ${info?.node ?? 'RTMS'}`
  }, [name, info?.node])
  // Whoever goes from view to view begins at the top of each, with the keys too.
  const isEntered = useRef(false)
  useEffect(() => {
    if (isEntered.current) {
      scrollTo(0, 0)
      const heading = document.querySelector('h1')
      heading?.setAttribute('tabindex', '-1')
      heading?.focus({ preventScroll: true })
    }
    isEntered.current = true
  }, [route.view, name])
  const isShown = state === 'up' || (state === 'away' && info !== null)
  return (
    <Page name={menuOf(route)} state={states[state]}>
      {state === 'away' && (
        <p class="problem" role="alert">
          {text.away(format.clock(watch.awaySince))}
        </p>
      )}
      {state === 'off' && <p class="problem">{text.off}</p>}
      {state === 'starting' && <p class="empty">{text.loading}</p>}
      {state === 'locked' && <KeyForm />}
      {isShown && <View route={route} />}
      {state === 'up' && api.hasKey && (
        <p class="lock">
          <button type="button" class="quiet small" onClick={() => watch.useKey('')}>
            {text.key.lock}
          </button>
        </p>
      )}
    </Page>
  )
}

watch.start()
show(`RTMS – ${text.title}`, <Dashboard />)
