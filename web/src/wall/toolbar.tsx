import { Choice } from '../shell/choice.tsx'
import { rise, rises, setRise } from '../shell/rise.ts'
import { orders, type Order } from './selection.ts'
import { sectors } from './terms.ts'
import type { Wall } from './wall.ts'
import type { View } from './texts.ts'
import { text } from './words.ts'

const views: readonly View[] = ['map', 'tiles']

/** What is shown, and how. */
export function Toolbar({ wall, shown }: { readonly wall: Wall; readonly shown: number }) {
  const { wish } = wall
  return (
    <div class="toolbar">
      <label class="search">
        <span class="unseen">{text.search}</span>
        <input
          id="search"
          type="search"
          autocomplete="off"
          spellcheck={false}
          placeholder={text.searchHint}
          value={wish.text}
          onInput={({ currentTarget }) => wall.choose({ text: currentTarget.value })}
        />
      </label>
      <label>
        <span class="unseen">{text.sector}</span>
        <select
          id="sector"
          value={wish.sector}
          onChange={({ currentTarget }) => wall.choose({ sector: currentTarget.value })}
        >
          <option value="">{text.allSectors}</option>
          {Object.entries(sectors).map(([sector, name]) => (
            <option key={sector} value={sector}>
              {name}
            </option>
          ))}
        </select>
      </label>
      {wall.view === 'tiles' && (
        <label>
          <span class="unseen">{text.order}</span>
          <select
            id="order"
            value={wish.order}
            title={text.order}
            onChange={({ currentTarget }) => wall.choose({ order: currentTarget.value as Order })}
          >
            {orders.map((order) => (
              <option key={order} value={order}>
                {text.orders[order]}
              </option>
            ))}
          </select>
        </label>
      )}
      <Choice
        name="view"
        label={text.view}
        values={views}
        chosen={wall.view}
        show={(view) => text.views[view]}
        choose={(view) => wall.setView(view)}
      />
      <Choice
        name="rise"
        label={text.rise}
        values={rises}
        chosen={rise()}
        show={(colour) => (
          <i class={`rises ${colour}`} title={text.rises[colour]}>
            ▲<b class="unseen">{text.rises[colour]}</b>
          </i>
        )}
        choose={(colour) => {
          setRise(colour)
          wall.choose({})
        }}
      />
      <p class="hint" id="shown" data-shown={shown}>
        {text.shown(shown, wall.listed)}
      </p>
    </div>
  )
}
