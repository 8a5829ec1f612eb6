import type { Connection, RtmsNode } from '../core/index.ts'
import type { ServerMessage } from '../protocol/index.ts'
import type { VirtualClock } from './clock.ts'
import { Link, type LinkProfile } from './link.ts'
import { Peer, type PeerOptions } from './peer.ts'
import type { SimNode } from './sim-node.ts'

export interface LinkPeerOptions extends PeerOptions {
  readonly profile: LinkProfile
  /** What its connections are counted by; '' (default): they are not. */
  readonly address?: string
  /** The node has accepted the connection and can be spoken to. */
  readonly opened?: (peer: LinkPeer) => void
  readonly heard?: (message: ServerMessage) => void
  readonly closed?: (code: number, reason: string) => void
}

/** A peer on a link of the virtual network. */
export class LinkPeer extends Peer {
  readonly link: Link

  constructor(clock: VirtualClock, node: SimNode, options: LinkPeerOptions) {
    super((packet) => this.link.send(packet), options)
    let connection: Connection | null = null
    const touch = (action: (core: RtmsNode, opened: Connection, now: number) => void): void => {
      const opened = connection
      if (opened !== null) node.do((core, now) => action(core, opened, now))
    }
    this.link = new Link(clock, options.profile, {
      clientPacket: (packet) => {
        for (const message of this.hear(packet)) options.heard?.(message)
      },
      clientClose: (code, reason) => options.closed?.(code, reason),
      nodePacket: (packet) => touch((core, opened, now) => core.handlePacket(opened, packet, now)),
      nodeDrain: () => touch((core, opened) => core.handleDrain(opened)),
      nodeClose: (final) => touch((core, opened, now) => core.handleClose(opened, final, now)),
      written: () => {},
      closing: () => {},
    })
    const accepted = (opened: Connection): void => {
      connection = opened
      options.opened?.(this)
    }
    node.open(this.link, this.codec, accepted, options.address)
  }
}
