import { Doors } from '../home/doors.tsx'
import { text } from '../home/words.ts'
import { Page, show } from '../shell/shell.tsx'
import '../home/style.css'
import './style.css'

/* What the demo answers where there is nothing. */

show(
  `${text.missing} – RTMS`,
  <Page name="missing">
    <div class="lost">
      <p aria-hidden="true">404</p>
      <h1>{text.missing}</h1>
      <p>{text.missingLead}</p>
      <p>
        <a class="button" href="/">
          {text.goHome}
        </a>
      </p>
    </div>
    <Doors />
  </Page>,
)
