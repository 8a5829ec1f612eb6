import { useEffect, useRef } from 'preact/hooks'
import type { Line } from './line.ts'

const FLIGHT_MS = 700
/** Dots at once; over it packets are only counted. */
const DOTS = 30
const NS = 'http://www.w3.org/2000/svg'

export interface Lane {
  readonly from: readonly [x: number, y: number]
  readonly to: readonly [x: number, y: number]
}

/** A dot for every packet that went over the line, larger where it was larger. */
export function Wire({ line, down, up }: { readonly line: Line; readonly down: Lane; readonly up: Lane }) {
  const layer = useRef<SVGGElement>(null)
  useEffect(() => {
    const still = matchMedia('(prefers-reduced-motion: reduce)')
    line.onPacket = (packet) => {
      const group = layer.current
      if (group === null || still.matches || document.hidden || group.childElementCount >= DOTS) return
      const { from, to } = packet.up ? up : down
      const dot = document.createElementNS(NS, 'circle')
      dot.setAttribute('class', packet.up ? 'dot up' : 'dot')
      dot.setAttribute('r', String(3 + Math.min(5, Math.sqrt(packet.bytes) / 10)))
      group.append(dot)
      const flight = dot.animate(
        [from, to].map(([x, y]) => ({ transform: `translate(${x}px, ${y}px)` })),
        FLIGHT_MS,
      )
      flight.onfinish = () => dot.remove()
    }
  }, [line, down, up])
  return <g class="dots" ref={layer} />
}
