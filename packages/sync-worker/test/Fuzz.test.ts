/**
 * Random histories: several clients push, pull, acknowledge, interrupt, leave and come back, the
 * storage fails and answers late, another writer appends, the server loses its memory. Whatever
 * happens, the promises of the log hold. One seed, so a run is the same everywhere.
 */
import { expect, it } from "@effect/vitest"
import type { LogEvent } from "@tidelog/sync-protocol"
import { Limits } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Layer from "effect/Layer"
import * as Alarm from "../src/Alarm.ts"
import { EventLog } from "../src/EventLog.ts"
import * as SyncHooks from "../src/SyncHooks.ts"
import * as SyncServer from "../src/SyncServer.ts"
import * as Frames from "./support/frames.ts"
import { TestConnection } from "./support/TestConnection.ts"
import * as TestLog from "./support/TestLog.ts"

/** Chunks in flight of a pull, and events of a page: small, so that both are reached all the time. */
const WINDOW = 3
const PAGE = 3

const CLIENTS = 3

type Action =
  | { readonly do: "push"; readonly client: number; readonly size: number; readonly peeks: boolean }
  | { readonly do: "repeat"; readonly client: number }
  | { readonly do: "pull"; readonly client: number; readonly live: boolean }
  | { readonly do: "ack"; readonly client: number; readonly count: number }
  | { readonly do: "interrupt"; readonly client: number }
  | { readonly do: "reconnect"; readonly client: number }
  | { readonly do: "append behind"; readonly size: number }

interface Fault {
  readonly operation: TestLog.Operation
  readonly kind: "fails before" | "fails after" | "late"
  readonly turns: number
}

/** Actions that happen at once, and what may happen before and after them. */
interface Step {
  readonly faults: ReadonlyArray<Fault>
  readonly actions: ReadonlyArray<Action>
  readonly after: "nothing" | "the server loses its memory"
}

const client = FastCheck.nat({ max: CLIENTS - 1 })

const push = FastCheck.record({
  do: FastCheck.constant("push" as const),
  client,
  size: FastCheck.integer({ min: 1, max: 8 }),
  peeks: FastCheck.boolean()
})

const action: FastCheck.Arbitrary<Action> = FastCheck.oneof(
  { weight: 5, arbitrary: push },
  {
    weight: 2,
    arbitrary: FastCheck.record({ do: FastCheck.constant("repeat" as const), client })
  },
  {
    weight: 4,
    arbitrary: FastCheck.record({
      do: FastCheck.constant("pull" as const),
      client,
      live: FastCheck.boolean()
    })
  },
  {
    weight: 6,
    arbitrary: FastCheck.record({
      do: FastCheck.constant("ack" as const),
      client,
      count: FastCheck.integer({ min: 1, max: 4 })
    })
  },
  {
    weight: 1,
    arbitrary: FastCheck.record({ do: FastCheck.constant("interrupt" as const), client })
  },
  {
    weight: 2,
    arbitrary: FastCheck.record({ do: FastCheck.constant("reconnect" as const), client })
  },
  {
    weight: 1,
    arbitrary: FastCheck.record({
      do: FastCheck.constant("append behind" as const),
      size: FastCheck.integer({ min: 1, max: 4 })
    })
  }
)

const step: FastCheck.Arbitrary<Step> = FastCheck.record({
  faults: FastCheck.array(
    FastCheck.record({
      operation: FastCheck.constantFrom("head", "append", "read"),
      kind: FastCheck.constantFrom("late", "late", "fails before", "fails after"),
      turns: FastCheck.integer({ min: 1, max: 12 })
    }),
    { maxLength: 3 }
  ),
  actions: FastCheck.array(action, { minLength: 1, maxLength: 5 }),
  after: FastCheck.constantFrom("nothing", "nothing", "nothing", "the server loses its memory")
})

const around = ({ kind, turns }: Fault): TestLog.Around => {
  const wait = Effect.yieldNow().pipe(Effect.repeatN(turns))
  switch (kind) {
    case "fails before":
      return TestLog.failBefore
    case "fails after":
      return TestLog.failAfter
    case "late":
      return (run) => run.pipe(Effect.zipLeft(wait), (late) => Effect.zipRight(wait, late))
  }
}

/** What a test knows of a pull. */
interface Pull {
  readonly connection: TestConnection
  readonly id: string
  readonly after: number
  readonly live: boolean
  acks: number
}

interface Push {
  readonly connection: TestConnection
  readonly id: string
  readonly batch: ReadonlyArray<LogEvent.LogEvent>
}

/** A client, and all it ever asked. */
interface Client {
  connection: TestConnection
  readonly name: string
  readonly pulls: Array<Pull>
  readonly pushes: Array<Push>
  requests: number
}

const isEnded = ({ connection, id }: Pull | Push) => connection.exits(id).length > 0

const positionOf = (pull: Pull) => pull.connection.seqNums(pull.id).at(-1) ?? pull.after

const makeHistory = Effect.gen(function* () {
  const log = yield* TestLog.TestLog
  const { backendId } = log.behind
  const everybody: Array<TestConnection> = []
  let made = 0

  /** A server that has just come into memory. */
  const start = Effect.gen(function* () {
    const opened = { ...(yield* EventLog), initialHead: yield* log.behind.head }
    return yield* Effect.provideService(SyncServer.make, EventLog, opened)
  })
  let server = yield* start

  const withServer = <A, E>(self: Effect.Effect<A, E, SyncServer.SyncServer>) =>
    Effect.suspend(() => Effect.provideService(self, SyncServer.SyncServer, server))

  const open = Effect.suspend(() => {
    const connection = new TestConnection()
    everybody.push(connection)
    return Effect.as(server.connect(connection), connection)
  })

  const clients: Array<Client> = []
  for (let index = 0; index < CLIENTS; index++) {
    const name = `client-${index}`
    clients.push({ connection: yield* open, name, pulls: [], pushes: [], requests: 0 })
  }

  const openPulls = (client: Client) =>
    client.pulls.filter((pull) => pull.connection === client.connection && !isEnded(pull))

  const sendPull = (client: Client, live: boolean, after: number) => {
    const id = String(++client.requests)
    const { connection } = client
    client.pulls.push({ connection, id, after, live, acks: 0 })
    return connection.say(Frames.pull(id, { live, after, backendId }))
  }

  const sendPush = (client: Client, batch: Push["batch"]) => {
    const id = String(++client.requests)
    const { connection } = client
    client.pushes.push({ connection, id, batch })
    return connection.say(Frames.push(id, batch))
  }

  const makeBatch = (from: number, size: number, name: string) =>
    Frames.events(from + 1, from + size, { clientId: name, args: { made: ++made } })

  const reconnect = Effect.fnUntraced(function* (client: Client) {
    const interruptedPulls = openPulls(client).filter(({ live }) => live)
    yield* client.connection.leave()
    client.connection = yield* open
    for (const pull of interruptedPulls) yield* sendPull(client, true, positionOf(pull))
  })

  const acknowledge = (pull: Pull) =>
    Effect.suspend(() => {
      if (pull.acks >= pull.connection.pages(pull.id).length) return Effect.void
      pull.acks += 1
      return pull.connection.say(Frames.ack(pull.id))
    })

  const act = Effect.fnUntraced(function* (action: Action) {
    if (action.do === "append behind") {
      const head = yield* log.behind.head
      return yield* log.appendBehind(makeBatch(head, action.size, "another"))
    }
    const client = clients[action.client]
    if (client === undefined) return
    if (client.connection.closed !== undefined && action.do !== "reconnect") return
    switch (action.do) {
      case "push": {
        const known = Math.max(0, ...client.pulls.map(positionOf))
        const head = action.peeks ? yield* log.behind.head : known
        return yield* sendPush(client, makeBatch(head, action.size, client.name))
      }
      case "repeat": {
        const last = client.pushes.at(-1)
        return last === undefined ? undefined : yield* sendPush(client, last.batch)
      }
      case "pull":
        if (openPulls(client).length >= 2) return
        return yield* sendPull(client, action.live, Math.max(0, ...client.pulls.map(positionOf)))
      case "ack":
        for (const pull of openPulls(client)) {
          for (let count = 0; count < action.count; count++) yield* acknowledge(pull)
        }
        return
      case "interrupt": {
        const [pull] = openPulls(client)
        return pull === undefined
          ? undefined
          : yield* client.connection.say(Frames.interrupt(pull.id))
      }
      case "reconnect":
        return yield* reconnect(client)
    }
  })

  const play = Effect.fnUntraced(function* ({ actions, after, faults }: Step) {
    for (const fault of faults) log.next(fault.operation, around(fault))
    yield* withServer(Effect.forEach(actions, act, { concurrency: "unbounded", discard: true }))
    if (after === "the server loses its memory") {
      const kept = clients.filter(({ connection }) => connection.closed === undefined)
      server = yield* start
      for (const { connection } of kept) yield* server.connect(connection, connection.state)
    }
  })

  const check = Effect.gen(function* () {
    const stored = yield* log.stored
    expect(stored).toEqual(Frames.range(1, stored.length))
    const text = (yield* log.behind.read(0, { maxEvents: 1e6, maxBytes: 1e9 }))
      .map(({ json }) => json)
      .join("\n")
    for (const client of clients) {
      for (const pull of client.pulls) {
        const { acks, after, connection, id } = pull
        // In order, without a gap, each once: the log itself, from the cursor on.
        const received = connection.seqNums(id)
        expect(received).toEqual(Frames.range(after + 1, after + received.length))
        expect(after + received.length).toBeLessThanOrEqual(stored.length)
        const chunks = connection.pages(id).length
        expect(chunks - acks).toBeLessThanOrEqual(WINDOW)
        const frames = connection.order().filter((frame) => frame.endsWith(` ${id}`))
        expect(frames.slice(0, -1)).not.toContain(`Exit ${id}`)
        if (connection.closed === undefined && client.connection === connection) {
          expect(chunks > 0 || isEnded(pull)).toBe(true)
        }
      }
      for (const push of client.pushes) {
        const exits = push.connection.exits(push.id)
        expect(exits.length).toBeLessThanOrEqual(1)
        const [exit] = exits
        const made = JSON.stringify(push.batch[0]?.args)
        const copies = text.split(`"args":${made}`).length - 1
        // Stored whole, once, or not at all.
        expect([0, push.batch.length]).toContain(copies)
        const answer = JSON.stringify(exit) ?? "none"
        if (answer.includes("Success")) expect(copies).toBe(push.batch.length)
        else if (answer.includes("ServerAheadError")) expect(copies).toBe(0)
        else expect(answer).toMatch(/^none$|StorageUnavailable/)
        if (push.connection.closed === undefined && client.connection === push.connection) {
          expect(answer).not.toBe("none")
        }
      }
    }
    for (const connection of everybody) expect(connection.afterEnd).toEqual([])
    // If the server knows all, so does every reader that takes it.
    const isKnown = clients.some(({ pushes }) =>
      pushes.some(
        (push) =>
          push.batch.at(-1)?.seqNum === stored.length
          && JSON.stringify(push.connection.exits(push.id)).includes("Success")
      )
    )
    if (!isKnown) return
    for (const client of clients) {
      if (client.connection.closed !== undefined) continue
      for (const pull of openPulls(client)) {
        const waits = pull.connection.pages(pull.id).length - pull.acks === WINDOW
        if (!waits) expect(positionOf(pull)).toBe(stored.length)
      }
    }
  })

  /** In the end all is well again, and everybody takes what there is. */
  const finish = Effect.gen(function* () {
    const pusher = new TestConnection()
    yield* server.connect(pusher)
    const drain = Effect.gen(function* () {
      for (const { connection, pulls } of clients) {
        for (const pull of pulls) {
          if (pull.connection !== connection) continue
          while (pull.acks < connection.pages(pull.id).length) yield* acknowledge(pull)
        }
      }
    })
    yield* drain
    yield* pusher.say(Frames.push("1", makeBatch(yield* log.behind.head, 1, "last")))
    expect(pusher.exits("1")).toEqual([Frames.accepted])
    yield* drain
    const stored = yield* log.stored
    for (const client of clients) {
      for (const pull of client.pulls) {
        const { connection } = pull
        if (connection !== client.connection || connection.closed !== undefined) continue
        if (pull.live && !isEnded(pull)) expect(positionOf(pull)).toBe(stored.length)
        if (!pull.live) expect(isEnded(pull)).toBe(true)
      }
    }
  })

  return { play, check, finish: withServer(finish) }
})

const services = Layer.mergeAll(
  TestLog.layer,
  SyncHooks.layerNone,
  Alarm.layerNone,
  Limits.layer({ maxChunksInFlight: WINDOW, maxPageEvents: PAGE })
)

it.effect.prop(
  "[PULL-1][PUSH-1][PUSH-4] whatever happens: readers miss and repeat nothing, pushes are stored once",
  { steps: FastCheck.array(step, { minLength: 1, maxLength: 25 }) },
  ({ steps }) =>
    Effect.gen(function* () {
      const log = yield* TestLog.TestLog
      const history = yield* makeHistory
      for (const step of steps) {
        yield* history.play(step)
        yield* history.check
      }
      log.reset()
      yield* history.finish
      yield* history.check
    }).pipe(Effect.provide(services)),
  { fastCheck: { seed: 20_260_801, numRuns: 100 }, timeout: 60_000 }
)
