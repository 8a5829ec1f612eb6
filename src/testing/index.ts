export { busContract, type BusUnderTest } from './contracts/bus.ts'
export { allCheckers } from './checkers/index.ts'
export { VirtualClock } from './clock.ts'
export { runClusterSeed } from './cluster/simulate.ts'
export { faulty, type Moment, PortFault } from './faulty.ts'
export { Follower } from './follower.ts'
export { framesOf, type FrameView, publicationsOf } from './heard.ts'
export { Link, type LinkEnds, type LinkProfile } from './link.ts'
export { LinkPeer, type LinkPeerOptions } from './link-peer.ts'
export * as messages from './messages.ts'
export {
  type ClientFacts,
  type DesertedNode,
  type End,
  type Observer,
  type Phase,
  type RestingClient,
  Violation,
} from './observer.ts'
export { Peer, type PeerOptions } from './peer.ts'
export { Random } from './random.ts'
export {
  drawScenario,
  type Fault,
  faultKinds,
  type MeetingPlan,
  type Scenario,
  type Smaller,
  traits,
} from './scenario.ts'
export { clusterSometimes, sometimes } from './sometimes.ts'
export { shrink } from './shrink.ts'
export { SimClient } from './sim-client.ts'
export { SimNode } from './sim-node.ts'
export { type Closed, type PeerSocket, SocketPeer } from './socket-peer.ts'
export { type RunOptions, type RunResult, SeedFailure } from './seed-run.ts'
export { runSeed } from './simulate.ts'
export { textOf, textPayload } from './text.ts'
export { Trace } from './trace.ts'
export { createTestNode, TestNode, type TestNodeOptions, type TestTicket } from './test-node.ts'
