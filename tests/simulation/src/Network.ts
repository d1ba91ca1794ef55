/**
 * Connections that are late, break, or only look open.
 *
 * Each direction keeps its order, as TCP does. A link that is cut still looks open to both ends, and loses
 * all that is sent. One that is broken is closed with 1006 at both, as soon as they can know.
 */
import * as Socket from "@effect/platform/Socket"
import * as Layer from "effect/Layer"
import type { Chance } from "./Chance.ts"
import type { VirtualTime } from "./VirtualTime.ts"

/** What the other end of a link is told of. */
export interface Acceptor {
  /** Whether the link is taken on. */
  readonly accept: (link: Link) => boolean
  readonly receive: (link: Link, text: string) => void
  readonly closed: (link: Link) => void
}

/** A link as its server end sees it. */
export interface Link {
  readonly id: number
  readonly client: string
  readonly send: (text: string) => void
  readonly close: (code: number, reason: string) => void
}

type State = "opening" | "open" | "closed"

interface Listener {
  (event: object): void
}

/** One link, and the browser's WebSocket at one end of it. */
class SimLink implements Link {
  readonly id: number
  readonly client: string
  readonly #network: Network
  readonly #listeners = new Map<string, Set<Listener>>()
  #state: State = "opening"
  /** The server's end: a link that was closed there may not be known to be closed here. */
  #served = false
  #isCut = false
  /** When the latest message of each direction arrives: none overtakes it. */
  #upBusy = 0
  #downBusy = 0

  constructor(network: Network, id: number, client: string) {
    this.#network = network
    this.id = id
    this.client = client
    const { time } = network
    time.after(network.latency(), () => {
      if (this.#state !== "opening") return
      if (!network.isReachable(client) || !network.acceptor.accept(this)) return this.#end(1006, "")
      this.#served = true
      this.#state = "open"
      network.trace(`${this.client} link ${this.id} opens`)
      this.#tell("open", {})
    })
  }

  get isUsed(): boolean {
    return this.#served || this.#state !== "closed"
  }

  // The client's end: as much of a WebSocket as the client uses.

  get readyState(): number {
    return this.#state === "opening" ? 0 : this.#state === "open" ? 1 : 3
  }

  addEventListener(type: string, listener: Listener): void {
    const known = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, known.add(listener))
  }

  removeEventListener(type: string, listener: Listener): void {
    this.#listeners.get(type)?.delete(listener)
  }

  /** The client sends if it is given a text, the server if it is the server that calls. */
  readonly up = (text: string): void => {
    if (this.#state !== "open" || this.#isCut) return
    this.#upBusy = this.#network.arrival(this.#upBusy)
    this.#network.at(this.#upBusy, () => {
      if (!this.#served || this.#isCut) return
      this.#network.trace(`${this.client} > ${text}`)
      this.#network.acceptor.receive(this, text)
    })
  }

  readonly send = (text: string): void => {
    if (!this.#served || this.#isCut) return
    this.#downBusy = this.#network.arrival(this.#downBusy)
    this.#network.at(this.#downBusy, () => {
      if (this.#state !== "open" || this.#isCut) return
      this.#network.trace(`${this.client} < ${text}`)
      this.#tell("message", { data: text })
    })
  }

  readonly close = (code: number, reason: string): void => {
    if (!this.#served) return
    this.#served = false
    if (this.#isCut) return
    // Behind what was sent.
    this.#downBusy = this.#network.arrival(this.#downBusy)
    this.#network.at(this.#downBusy, () => this.#end(code, reason))
  }

  /** The client closes, or leaves without a word. */
  readonly leave = (): void => {
    if (this.#state === "closed") return
    this.#state = "closed"
    if (!this.#isCut) this.#network.at(this.#network.arrival(this.#upBusy), this.#serverEnd)
  }

  // Faults.

  readonly cut = (): void => {
    this.#isCut = true
    // The server's platform notices in the end.
    this.#network.time.after(60_000, this.#serverEnd)
  }

  readonly break = (): void => {
    this.#isCut = true
    const { time } = this.#network
    time.after(this.#network.latency(), this.#serverEnd)
    time.after(this.#network.latency(), () => this.#end(1006, ""))
  }

  readonly #serverEnd = () => {
    if (!this.#served) return
    this.#served = false
    this.#network.acceptor.closed(this)
  }

  #end(code: number, reason: string): void {
    if (this.#state === "closed") return
    this.#state = "closed"
    this.#network.trace(`${this.client} link ${this.id} ends with ${code} ${reason}`)
    this.#tell("close", { code, reason })
  }

  #tell(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event)
  }
}

export class Network {
  readonly time: VirtualTime
  readonly acceptor: Acceptor
  readonly trace: (line: string) => void
  readonly #chance: Chance
  readonly #offline = new Set<string>()
  #links: Array<SimLink> = []
  #nextId = 0
  /** Whether it fails no more. */
  isHealed = false

  constructor(options: {
    readonly time: VirtualTime
    readonly chance: Chance
    readonly acceptor: Acceptor
    readonly trace: (line: string) => void
  }) {
    this.time = options.time
    this.acceptor = options.acceptor
    this.trace = options.trace
    this.#chance = options.chance
  }

  latency(): number {
    return this.#chance.happens(0.05)
      ? this.#chance.between(200, 3_000)
      : this.#chance.between(1, 80)
  }

  /** When a message arrives that is sent now, behind those that are on their way. */
  arrival(busyUntil: number): number {
    return Math.max(busyUntil, this.time.elapsed + this.latency())
  }

  at(time: number, run: () => void): void {
    this.time.after(time - this.time.elapsed, run)
  }

  isReachable(client: string): boolean {
    return !this.#offline.has(client)
  }

  /** What a client connects with. */
  webSockets(client: string): Layer.Layer<Socket.WebSocketConstructor> {
    return Layer.succeed(Socket.WebSocketConstructor, () => {
      const link = new SimLink(this, this.#nextId++, client)
      this.#links = [...this.#links.filter(({ isUsed }) => isUsed), link]
      // The client's end is the part of a WebSocket that the client uses.
      return {
        get readyState() {
          return link.readyState
        },
        addEventListener: link.addEventListener.bind(link),
        removeEventListener: link.removeEventListener.bind(link),
        send: link.up,
        close: link.leave
      } as unknown as WebSocket
    })
  }

  breakOne(): void {
    const link = this.#chance.pick(this.#links)
    if (link === undefined) return
    this.trace(`${link.client} link ${link.id} breaks`)
    link.break()
  }

  cutOne(): void {
    const link = this.#chance.pick(this.#links)
    if (link === undefined) return
    this.trace(`${link.client} link ${link.id} is cut`)
    link.cut()
  }

  breakAll(): void {
    for (const link of this.#links) link.break()
  }

  /** Takes a client's network away for a time. */
  takeOffline(client: string, millis: number): void {
    this.trace(`${client} is offline for ${millis} ms`)
    this.#offline.add(client)
    for (const link of this.#links) if (link.client === client) link.cut()
    this.time.after(millis, () => this.#offline.delete(client))
  }
}
