// Opening a log: the one round trip that it takes as a rule, and what is done where that finds no log of
// the store's.
import { LogEvent, SyncError } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as EventLogStatements from "../EventLogStatements.ts"
import type { SqlEngineService, SqlResult, Statement } from "../SqlEngine.ts"
import { TakeoverRefused } from "../Takeover.ts"
import type { OpenError, TakeoverService } from "../Takeover.ts"
import * as TakeoverStatements from "../TakeoverStatements.ts"
import { decodeRows } from "./rows.ts"
import { isNoTable } from "./sqlErrors.ts"

const OPERATION = "open the log"

/** A log as it was found, or made. */
export interface Opened {
  readonly backendId: SyncError.BackendId
  readonly head: LogEvent.SeqNum
  readonly createdAt: string | null
  /** Whether it was made just now, so that nobody can know it. */
  readonly isNew: boolean
}

const OpenedRows = Schema.Array(
  Schema.Struct({
    backendId: SyncError.BackendId,
    head: Schema.Int,
    createdAt: Schema.NullOr(Schema.String)
  })
)

const OpenedRow = Schema.Tuple(OpenedRows.value)

const FoundRow = Schema.Tuple(
  Schema.Struct({
    backendId: Schema.NullOr(Schema.String),
    ours: Schema.NullOr(Schema.String),
    official: Schema.NullOr(Schema.String),
    claimedBy: Schema.NullOr(Schema.String)
  })
)

type Found = (typeof FoundRow.Type)[0]

const BrokenRow = Schema.Tuple(Schema.Struct({ brokenAt: Schema.NullOr(Schema.Int) }))

const isMade = (results: ReadonlyArray<SqlResult>, head: LogEvent.SeqNum): boolean =>
  results[1]?.changes === 1 && head === LogEvent.ROOT

/** What is to be done about a store that has no log yet, or has lost the half of it. */
type Decision =
  | { readonly _tag: "Open"; readonly backendId: SyncError.BackendId | undefined }
  | { readonly _tag: "Take" }
  | { readonly _tag: "Refuse"; readonly reason: TakeoverRefused["reason"] }

export const openLog = (
  sql: SqlEngineService,
  store: TakeoverStatements.Successor,
  takeover: TakeoverService
): Effect.Effect<Opened, OpenError> => {
  const { adoption, isShared } = takeover
  const past = adoption === "never" ? undefined : takeover.past
  const mayTake = past !== undefined || adoption === "always"

  const run = (statements: ReadonlyArray<Statement>) => sql.batch(OPERATION, statements)

  const refuse = (reason: TakeoverRefused["reason"], claimedBy?: string | null) =>
    new TakeoverRefused({
      storeId: store.storeId,
      table: store.official,
      reason,
      ...(typeof claimedBy === "string" ? { claimedBy } : {})
    })

  const decide = (found: Found): Decision => {
    const isOurs =
      found.ours !== null
      && (EventLogStatements.isMadeHere(found.ours) || found.claimedBy === store.storeId)
    // A log that has lost its registration, or its table: what is left of it is opened.
    if (found.backendId !== null || isOurs) return { _tag: "Open", backendId: undefined }
    const isTaken = found.claimedBy !== null
    // Another store of ours may have made a table of that name, and lost its registration.
    const isOfficial = found.official !== null && !EventLogStatements.isMadeHere(found.official)
    const isFree = found.ours === null || store.official === store.table
    if (mayTake && isOfficial && !isTaken && isFree) return { _tag: "Take" }
    if (found.ours !== null) return { _tag: "Refuse", reason: "foreign" }
    if (found.claimedBy === store.storeId) return { _tag: "Open", backendId: undefined }
    // Who was never told that an event is stored has none to lose.
    if (past === undefined || past.head === 0) return { _tag: "Open", backendId: past?.backendId }
    if (isTaken) return { _tag: "Refuse", reason: "claimed" }
    return { _tag: "Refuse", reason: found.official === null ? "missing" : "foreign" }
  }

  const take = Effect.gen(function* () {
    const results = yield* run(
      TakeoverStatements.take(store, past, { mustProve: isShared && adoption === "proven" })
    ).pipe(
      Effect.catchIf(
        ({ cause }) => TakeoverStatements.NOT_PROVEN.test(String(cause)),
        () => refuse("unproven")
      )
    )
    const [opened] = yield* decodeRows(OPERATION, OpenedRow, results.at(-1))
    const [{ brokenAt }] = yield* decodeRows(OPERATION, BrokenRow, results.at(-2))
    yield* tell(opened.head, brokenAt)
    return { ...opened, isNew: false }
  })

  const tell = (head: LogEvent.SeqNum, brokenAt: number | null) =>
    brokenAt === null
      ? Effect.logInfo("official log taken over").pipe(Effect.annotateLogs({ head }))
      : Effect.logWarning("official log taken over; it is no chain").pipe(
          Effect.annotateLogs({ head, brokenAt })
        )

  const settle = Effect.gen(function* () {
    const looked = yield* run(TakeoverStatements.look(store))
    const [found] = yield* decodeRows(OPERATION, FoundRow, looked.at(-1))
    const decision = decide(found)
    switch (decision._tag) {
      case "Take":
        return yield* take
      case "Refuse":
        return yield* refuse(decision.reason, found.claimedBy)
      case "Open": {
        const { backendId } = decision
        const results = yield* run(EventLogStatements.openAnyway(store, backendId))
        const [opened] = yield* decodeRows(OPERATION, OpenedRow, results.at(-1))
        return { ...opened, isNew: backendId === undefined && isMade(results, opened.head) }
      }
    }
  })

  /** What is registered, without a second question. Where there may be an official log, nothing is made. */
  const first = mayTake
    ? Effect.catchIf(run([EventLogStatements.opened(store)]), isNoTable, () => Effect.succeed([]))
    : run(EventLogStatements.open(store))

  return Effect.gen(function* () {
    const results = yield* first
    const rows =
      results.length === 0 ? [] : yield* decodeRows(OPERATION, OpenedRows, results.at(-1))
    const [opened] = rows
    if (opened === undefined) return yield* Effect.annotateLogs(settle, { storeId: store.storeId })
    return { ...opened, isNew: !mayTake && isMade(results, opened.head) }
  })
}
