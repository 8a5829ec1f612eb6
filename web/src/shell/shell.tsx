import type { State } from 'rtms/client'
import { type ComponentChildren, render } from 'preact'
import { useState } from 'preact/hooks'
import { NodeChoice } from './nodes.tsx'
import { changeLanguage, language, words } from './language.ts'
import { showRise } from './rise.ts'
import { nextTheme, theme, type Theme } from './theme.ts'
import './style.css'

/** The pages of the menu, in its order. */
const places = {
  battle: '/battle/',
  wall: '/wall/',
  inside: '/inside/',
  playground: '/playground/',
  docs: '/docs/',
  admin: '/admin/',
} as const
type Place = keyof typeof places

export type PageName = Place | 'home' | 'missing'

/** The menu of a page that stands for itself, in the place of the site's. */
export interface Menu {
  readonly label: string
  readonly home: string
  readonly items: readonly { readonly to: string; readonly label: string; readonly isCurrent: boolean }[]
}

interface Texts {
  readonly pages: Readonly<Record<Place, string>>
  readonly states: Readonly<Record<State, string>>
  readonly themes: Readonly<Record<Theme, string>>
  readonly theme: string
  readonly menu: string
  readonly other: string
  readonly otherHint: string
}

const text: Texts = words<Texts>({
  en: {
    pages: {
      battle: 'Battle',
      wall: 'Wall',
      inside: 'Inside',
      playground: 'Playground',
      docs: 'Docs',
      admin: 'Dashboard',
    },
    states: {
      connecting: 'Connecting…',
      connected: 'Connected',
      disconnected: 'Connection lost, trying again…',
      closed: 'Not connected',
    },
    themes: { auto: 'Auto', light: 'Light', dark: 'Dark' },
    theme: 'Colours',
    menu: 'Pages',
    other: '中文',
    otherHint: 'Switch to Chinese',
  },
  zh: {
    pages: {
      battle: '打年兽',
      wall: '行情墙',
      inside: '看内部',
      playground: '试验场',
      docs: '文档',
      admin: '仪表盘',
    },
    states: {
      connecting: '正在连接…',
      connected: '已连接',
      disconnected: '连接中断，正在重试…',
      closed: '未连接',
    },
    themes: { auto: '自动', light: '浅色', dark: '深色' },
    theme: '颜色',
    menu: '页面',
    other: 'English',
    otherHint: '切换到英文',
  },
})

function siteMenu(page: PageName): Menu {
  const names = Object.keys(places) as Place[]
  const items = names.map((name) => ({ to: places[name], label: text.pages[name], isCurrent: name === page }))
  return { label: text.menu, home: '/', items }
}

/** How a connection stands, for people. */
function ConnectionState({ state }: { readonly state: State }) {
  return (
    <p class="state" id="state" role="status" data-state={state}>
      {text.states[state]}
    </p>
  )
}

/** The top of every page: menu, language, colours, and how the page's connection stands. */
function Header({
  menu,
  state,
  node,
}: {
  readonly menu: Menu
  readonly state?: State | undefined
  readonly node?: string | undefined
}) {
  const [shown, setShown] = useState(theme())
  return (
    <header class="top">
      <a class="brand" href={menu.home}>
        RTMS
      </a>
      <nav class="pages" aria-label={menu.label}>
        {menu.items.map(({ to, label, isCurrent }) => (
          <a key={to} href={to} aria-current={isCurrent ? 'page' : undefined}>
            {label}
          </a>
        ))}
      </nav>
      <div class="choices">
        <button
          type="button"
          class="quiet"
          title={text.otherHint}
          lang={language === 'zh' ? 'en' : 'zh-CN'}
          onClick={() => changeLanguage(language === 'zh' ? 'en' : 'zh')}
        >
          {text.other}
        </button>
        <button type="button" class="quiet" title={text.theme} onClick={() => setShown(nextTheme())}>
          {text.themes[shown]}
        </button>
      </div>
      {node !== undefined && <NodeChoice current={node} />}
      {state !== undefined && <ConnectionState state={state} />}
    </header>
  )
}

/** The top alone, of a page whose text is there already. */
export function Top({ name }: { readonly name: PageName }) {
  return <Header menu={siteMenu(name)} />
}

/**
 * A page of the site, or one with a menu of its own. `node`: the one it is connected to, where another one would do as
 * well.
 */
export function Page({
  name,
  state,
  node,
  children,
}: {
  readonly name: PageName | Menu
  readonly state?: State | undefined
  readonly node?: string | undefined
  readonly children: ComponentChildren
}) {
  return (
    <>
      <Header menu={typeof name === 'string' ? siteMenu(name) : name} state={state} node={node} />
      <main>{children}</main>
    </>
  )
}

/** Draws a page into its document, which has a title of its own for search engines and screen readers. */
export function show(title: string, page: ComponentChildren): void {
  document.title = title
  showRise()
  const root = document.getElementById('page')
  if (root === null) throw new Error('the document has no element with the id page')
  render(page, root)
}
