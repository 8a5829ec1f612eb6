import { inPlainWords } from '../shell/problems.ts'
import { repaint } from '../shell/repaint.ts'
import { Page, show } from '../shell/shell.tsx'
import { Experiment } from './experiment.ts'
import { Picture } from './picture.tsx'
import { Figures, Story } from './story.tsx'
import { Switches } from './switches.tsx'
import { Tour } from './tour.tsx'
import { text } from './words.ts'
import './style.css'

const { changed, useChanges } = repaint()
const experiment = new Experiment(changed)

function Inside() {
  useChanges()
  return (
    <Page name="inside" state={experiment.state}>
      <div class="intro">
        <h1>{text.title}</h1>
        <p>{text.lead}</p>
      </div>
      {experiment.problem !== null && (
        <p class="problem" role="alert">
          {inPlainWords(experiment.problem)}
        </p>
      )}
      <Tour experiment={experiment} />
      <section class="card" aria-labelledby="picture-title">
        <div class="over">
          <h2 id="picture-title">{text.picture}</h2>
          <ul class="legend">
            {(['read', 'sent', 'waits'] as const).map((kind) => (
              <li key={kind} class={kind}>
                {text.legend[kind]}
              </li>
            ))}
          </ul>
        </div>
        <Picture experiment={experiment} />
        <Figures experiment={experiment} />
      </section>
      <div class="below">
        <Switches experiment={experiment} />
        <Story experiment={experiment} />
      </div>
    </Page>
  )
}

show(`RTMS – ${text.title}`, <Inside />)
