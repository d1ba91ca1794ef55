/**
 * How long a person waits for the TodoMVC app in Chromium on a list with a long history: from the navigation
 * until the list is as its events leave it, and until a todo that is typed then can be seen. With each client
 * on its own server; on the first visit, and on the next.
 */
import { FileSystem } from "@effect/platform"
import { appPorts } from "@tidelog/e2e/src/app.ts"
import * as Chromium from "@tidelog/e2e/src/Chromium.ts"
import { attempt, HarnessError } from "@tidelog/e2e/src/HarnessError.ts"
import * as PageServer from "@tidelog/e2e/src/PageServer.ts"
import * as TodoPage from "@tidelog/e2e/src/TodoPage.ts"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { BrowserContext } from "playwright-core"
import type { BenchServer } from "../BenchServer.ts"
import { spreadOf } from "../stats.ts"
import type { Spread } from "../stats.ts"
import { withWire } from "../workloads/Workload.ts"
import { wrong, WrongResult } from "../WrongResult.ts"
import { clientNames } from "./backends.ts"
import type { ClientName } from "./backends.ts"
import type { Rounds } from "./rounds.ts"
import { inTurns } from "./rounds.ts"

export interface AppSizes extends Rounds {
  /** Events of the list's history. */
  readonly events: number
}

/** Milliseconds since the navigation. */
interface Visit {
  readonly shownMs: number
  readonly typedMs: number
}

export interface Opened {
  readonly client: ClientName
  readonly visit: "first" | "next"
  readonly shownMs: Spread
  readonly typedMs: Spread
}

const LAST = "what is left of all that"
const BATCH = 100

/** Milliseconds in which a list may be caught up with on a busy machine. */
const PATIENCE = 300_000

/** Todos that are created, completed and cleared again, and one that stays, and is named by the last event. */
const historyEvent = (seqNum: number, events: number) => {
  const todo = Math.floor((seqNum - 2) / 3)
  const id = `todo-${todo}`
  const whole = 3 * (todo + 1) < events - 1
  const created = { name: "v1.TodoCreated", args: { id, text: `Buy ${todo} apples`, createdAt: 0 } }
  const life = [
    created,
    { name: "v1.TodoCompleted", args: { id } },
    { name: "v1.TodoCleared", args: { id } }
  ]
  const text = seqNum === events ? LAST : "not yet"
  const named = { name: "v1.TodoTextChanged", args: { id: "last", text } }
  const first = { name: "v1.TodoCreated", args: { id: "last", text, createdAt: 0 } }
  const event = seqNum === 1 ? first : whole ? life[(seqNum - 2) % 3] : named
  return {
    ...event,
    seqNum,
    parentSeqNum: seqNum - 1,
    clientId: "client-a",
    sessionId: "session-a"
  }
}

const fill = (server: BenchServer, storeId: string, events: number) =>
  withWire(server, storeId, async (wire) => {
    for (let from = 1; from <= events; from += BATCH) {
      const to = Math.min(from + BATCH - 1, events)
      await wire.push(
        Array.from({ length: to - from + 1 }, (_, index) => historyEvent(from + index, events))
      )
    }
  })

/** Opens the list in a new tab of a browser, and types a todo once the history is over. */
const visit = (
  browser: BrowserContext,
  storeId: string,
  { expected, text }: { readonly expected: ReadonlyArray<string>; readonly text: string }
) =>
  Effect.acquireUseRelease(
    attempt("opening a tab", () => browser.newPage()),
    (tab) =>
      Effect.gen(function* () {
        const page = TodoPage.make(tab)
        const shows = (text: string) =>
          attempt(`waiting for ${text}`, () =>
            tab.getByText(text, { exact: true }).waitFor({ timeout: PATIENCE })
          )
        const start = performance.now()
        yield* page.open(storeId)
        yield* shows(LAST)
        const shownMs = performance.now() - start
        yield* page.add(text)
        yield* shows(text)
        const typedMs = performance.now() - start
        const list = (yield* page.list).map(({ text }) => text)
        if (list.join() !== [...expected, text].join()) {
          return yield* new WrongResult({ message: `the list shows ${list.join()}` })
        }
        yield* page.saved
        const seen: Visit = { shownMs, typedMs }
        return seen
      }),
    (tab) => Effect.promise(() => tab.close())
  )

/** A new browser's first visit, and its next. */
const twoVisits = (server: BenchServer, page: { readonly port: number }, storeId: string) =>
  Effect.gen(function* () {
    const { launch } = yield* Chromium.Chromium
    const browser = yield* launch({
      ports: { [appPorts.page]: page.port, [appPorts.worker]: server.port },
      viewport: { width: 640, height: 720 }
    })
    const first = yield* visit(browser, storeId, { expected: [LAST], text: "one" })
    const next = yield* visit(browser, storeId, { expected: [LAST, "one"], text: "two" })
    return { first, next }
  }).pipe(Effect.scoped)

const CONFIG = `${import.meta.dirname}/officialApp/vite.config.ts`

/** The built app with one of the clients, served. */
const serve = (client: ClientName) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const folder = yield* fs
      .makeTempDirectoryScoped({ prefix: `tidelog-app-${client}-` })
      .pipe(
        Effect.mapError((cause) => new HarnessError({ message: "no folder for the app", cause }))
      )
    yield* PageServer.buildInto(folder, client === "official" ? CONFIG : undefined)
    const context = yield* Layer.build(PageServer.layer(folder))
    return Context.get(context, PageServer.PageServer)
  })

export const measureApp = (servers: Readonly<Record<ClientName, BenchServer>>, sizes: AppSizes) =>
  Effect.gen(function* () {
    yield* Effect.logInfo("the app in Chromium")
    const pages = { official: yield* serve("official"), tidelog: yield* serve("tidelog") }
    const played = yield* inTurns(clientNames, sizes, (client, name) =>
      Effect.gen(function* () {
        const storeId = `history_${name}`
        yield* wrong(() => fill(servers[client], storeId, sizes.events))
        return yield* twoVisits(servers[client], pages[client], storeId)
      })
    )
    return clientNames.flatMap((client, at) =>
      (["first", "next"] as const).map((visit): Opened => {
        const visits = (played[at] ?? []).map((visits) => visits[visit])
        return {
          client,
          visit,
          shownMs: spreadOf(visits.map(({ shownMs }) => shownMs)),
          typedMs: spreadOf(visits.map(({ typedMs }) => typedMs))
        }
      })
    )
  }).pipe(Effect.provide(Chromium.layer), Effect.scoped)
