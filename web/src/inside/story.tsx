import { language } from '../shell/language.ts'
import type { Experiment } from './experiment.ts'
import { say, text } from './words.ts'

const clock = new Intl.DateTimeFormat(language, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
})

/** What RTMS did, the latest first, and what the page counted. */
export function Story({ experiment: { story } }: { readonly experiment: Experiment }) {
  return (
    <section class="card story" aria-labelledby="story-title">
      <h2 id="story-title">{text.story}</h2>
      {story.length === 0 && <p class="empty">{text.quiet}</p>}
      <div class="told" role="log" aria-labelledby="story-title" tabIndex={0}>
        <ol id="story">
          {story.map(({ id, at, what }) => (
            <li key={id} data-kind={what.kind} data-what={JSON.stringify(what)}>
              <time>{clock.format(at)}</time>
              <span>{say(what)}</span>
            </li>
          ))}
        </ol>
      </div>
    </section>
  )
}

export function Figures({ experiment: { counts } }: { readonly experiment: Experiment }) {
  const figures: readonly [keyof typeof counts, string][] = [
    ['silent', text.silent],
    ['told', text.told],
    ['conflated', text.stoodIn],
    ['framed', text.framed],
    ['refused', text.refused],
  ]
  return (
    <dl class="figures" aria-label={text.figures}>
      {figures.map(([name, label]) => (
        <div key={name} data-figure={name} data-none={counts[name] === 0 || undefined}>
          <dt>{label}</dt>
          <dd>{counts[name]}</dd>
        </div>
      ))}
    </dl>
  )
}
