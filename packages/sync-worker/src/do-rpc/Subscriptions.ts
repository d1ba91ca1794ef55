/**
 * Live pulls of objects: each is a connection of the server whose pages are calls back, one after another, and
 * that the object's storage remembers.
 *
 * @since 0.1.0
 */
import { DoRpcMessage, Frame, Handshake, LogEvent, SyncError } from "@tidelog/sync-protocol"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Runtime from "effect/Runtime"
import * as Schema from "effect/Schema"
import { Session } from "../Connection.ts"
import type { Connection } from "../Connection.ts"
import type { DoRpcHost } from "../DoRpcTransport.ts"
import { isExit } from "../internal/frame.ts"
import type { LiveServer } from "../internal/liveServer.ts"
import { ownerOf } from "../internal/owner.ts"
import { isOf } from "../internal/revocation.ts"
import * as Callers from "./Callers.ts"

/**
 * What is remembered of a subscription.
 *
 * - `id`: the name under which its pages are called back.
 * - `requestId`: that of the pull it came from.
 * - `cursor`: the last event that its object has taken, in the log named by `backendId`.
 * - `isTaken`: whether its object has taken a page under this name, so that it did subscribe.
 * - `replaces`: the names of those that end then, as they are of its object's former lives.
 *
 * @since 0.1.0
 * @category schemas
 */
export const Subscription = Schema.Struct({
  version: Schema.Literal(1),
  id: Schema.String,
  requestId: Frame.RequestId,
  caller: DoRpcMessage.CallerContext,
  session: Session,
  backendId: SyncError.BackendId,
  cursor: LogEvent.SeqNum,
  isTaken: Schema.optional(Schema.Boolean),
  replaces: Schema.optional(Schema.Array(Schema.String))
})

/**
 * @since 0.1.0
 * @category models
 */
export type Subscription = typeof Subscription.Type

/**
 * The subscriptions of one store's object.
 *
 * @since 0.1.0
 * @category models
 */
export interface Subscriptions {
  /** The names of those that an object has. */
  readonly namesOf: (caller: DoRpcMessage.CallerContext) => Effect.Effect<ReadonlySet<string>>

  /**
   * Keeps a new one, and serves it from here on. Those of its object's former lives end once it takes a page:
   * `before` has the names that the object had when the pull of the new one began.
   */
  readonly add: (
    live: LiveServer,
    caller: Callers.Caller,
    subscription: Subscription,
    before: ReadonlySet<string>
  ) => Effect.Effect<void>

  /** Serves those that outlived the object's memory. */
  readonly resume: (live: LiveServer) => Effect.Effect<void>

  /** Ends those that an identity names. How many. */
  readonly revoke: (identity: unknown) => Effect.Effect<number>
}

/** Before each key, in the storage of the object. */
const PREFIX = "tidelog-do-rpc:"

/** LiveStore has one pull, and its devtools one more. */
const MAX_PER_CALLER = 4

/**
 * LiveStore's side listens for calls only once it has read its pull to the end: before that, what it is called
 * with is lost.
 */
const LISTENS_AFTER = "1 second"

/** After trouble with the log. */
const AGAIN_AFTER = "5 seconds"

const FromText = Schema.parseJson(Subscription)
const decode = Schema.decodeUnknownEither(FromText)
const encode = Schema.encodeSync(FromText)
const decodePages = Schema.decodeUnknownSync(
  Schema.parseJson(Schema.encodedSchema(Schema.Struct({ values: Frame.Chunk.fields.values })))
)

/** Of two identities, as they are kept. */
const isSame = (self: unknown, that: unknown): boolean =>
  LogEvent.isSameJson(self ?? null, that ?? null)

/** A close that passes: its pull is begun again. */
const passes = (code: number): boolean =>
  code === Handshake.CloseCode.tryAgainLater || code === Handshake.CloseCode.internalError

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (host: DoRpcHost, callers: ReadonlySet<string>): Subscriptions => {
  const { env, storage } = host

  const keep = (subscription: Subscription) =>
    Effect.promise(() => storage.put(PREFIX + subscription.id, encode(subscription)))

  const forget = (id: string) => Effect.promise(() => storage.delete(PREFIX + id))

  const readAll = Effect.gen(function* () {
    const entries = yield* Effect.promise(() => storage.list({ prefix: PREFIX }))
    const subscriptions: Array<Subscription> = []
    for (const [key, value] of entries) {
      const decoded = decode(value)
      if (Either.isRight(decoded)) subscriptions.push(decoded.right)
      // Of another version: its object subscribes again when it next starts.
      else yield* Effect.promise(() => storage.delete(key))
    }
    return subscriptions
  })

  /** Those that are served, each with how to end it. */
  const served = new Map<string, Effect.Effect<void>>()

  const drop = (id: string) =>
    Effect.zipRight(served.get(id) ?? Effect.void, Effect.asVoid(forget(id)))

  /** Serves a subscription for as long as its object takes what it is called with. */
  const serve = (
    live: LiveServer,
    caller: Callers.Caller,
    subscription: Subscription,
    isNew: boolean
  ): Effect.Effect<void> => {
    const { backendId, id, requestId, session } = subscription
    const { server } = live
    const frames: Array<string> = []
    let { cursor, isTaken = false } = subscription
    let isServed = true
    let isBusy = false
    let isHeld = isNew

    const stop = Effect.suspend(() => {
      isServed = false
      if (served.get(id) === stop) served.delete(id)
      return server.disconnect(connection)
    })

    /** Says why, and forgets it. */
    const end = (reason: string, cause: Cause.Cause<unknown> = Cause.empty) =>
      Effect.logWarning("subscription ended", cause).pipe(
        Effect.annotateLogs({ reason, ...ownerOf(session) }),
        Effect.zipRight(stop),
        Effect.zipRight(forget(id))
      )

    const hand = Effect.fnUntraced(function* (text: string) {
      for (const page of decodePages(text).values) {
        const goesOn = yield* caller.update({ _tag: "Chunk", requestId: id, values: [page] })
        if (!goesOn) {
          yield* Effect.zipRight(stop, forget(id))
          return
        }
        cursor = page.batch.at(-1)?.eventEncoded.seqNum ?? cursor
        if (!isTaken) yield* Effect.forEach(subscription.replaces ?? [], drop, { discard: true })
        isTaken = true
      }
      // Afterwards: a page that is handed over twice is noticed, one that was left out is not.
      yield* keep({ ...subscription, cursor, isTaken, replaces: undefined })
      yield* server.receive(connection, JSON.stringify({ _tag: "Ack", requestId }))
    })

    const handAll = Effect.gen(function* () {
      if (isHeld) yield* Effect.sleep(LISTENS_AFTER)
      isHeld = false
      while (true) {
        const text = frames.shift()
        if (text === undefined || !isServed) return
        yield* isExit(text) ? end("the log has another history now") : hand(text)
      }
    }).pipe(
      Effect.catchTag("CallerGone", ({ cause }) =>
        end("its object does not answer", Cause.fail(cause))
      ),
      Effect.ensuring(
        Effect.sync(() => {
          isBusy = false
          if (isServed) begin()
        })
      )
    )

    const fork = Runtime.runFork(live.runtime)

    /** Hands over what there is, if nobody does. */
    const begin = () => {
      if (isBusy || frames.length === 0) return
      isBusy = true
      fork(handAll)
    }

    const connection: Connection = {
      session,
      send: (text) => {
        frames.push(text)
        begin()
      },
      close: (code, reason) => {
        isServed = false
        const again = Effect.suspend(() =>
          // Or it has been replaced, or served by another server meanwhile.
          served.get(id) === stop && !server.isReplaced()
            ? serve(live, caller, { ...subscription, cursor, isTaken }, false)
            : Effect.void
        )
        fork(passes(code) ? Effect.delay(again, AGAIN_AFTER) : end(reason))
      },
      // Where it stands is kept when its object has taken a page, and not before.
      save: () => {}
    }

    served.set(id, stop)
    return server.connect(connection, {
      backendId,
      subscriptions: [{ requestId, live: true, cursor, inFlight: 0, started: true, sparing: false }]
    })
  }

  const isOfObject =
    ({ bindingName, durableObjectId }: DoRpcMessage.CallerContext) =>
    ({ caller }: Subscription) =>
      caller.bindingName === bindingName && caller.durableObjectId === durableObjectId

  return {
    namesOf: (caller) =>
      Effect.map(readAll, (all) => new Set(all.filter(isOfObject(caller)).map(({ id }) => id))),

    add: (live, caller, subscription, before) =>
      Effect.gen(function* () {
        // Nobody ends what another identity has subscribed, whatever object it names.
        const others = (yield* readAll)
          .filter(isOfObject(subscription.caller))
          .filter(({ session }) => isSame(session.identity, subscription.session.identity))
        // Its requests count up: one that does not come after another is of a later life of its object.
        const isFormer = ({ id, requestId }: Subscription) =>
          before.has(id) && BigInt(requestId) >= BigInt(subscription.requestId)
        const replaces = others.filter(isFormer).map(({ id }) => id)
        // Too many: those end first that may be nobody's, then the oldest.
        others.sort(
          (self, that) =>
            Number(that.isTaken ?? false) - Number(self.isTaken ?? false)
            || (BigInt(self.requestId) < BigInt(that.requestId) ? 1 : -1)
        )
        const ended = others.slice(MAX_PER_CALLER - 1)
        yield* Effect.forEach(ended, ({ id }) => drop(id), { discard: true })
        const kept = { ...subscription, replaces }
        yield* keep(kept)
        yield* serve(live, caller, kept, true)
      }),

    resume: (live) =>
      Effect.flatMap(readAll, (subscriptions) =>
        Effect.forEach(
          subscriptions,
          (subscription) =>
            Callers.find(env, callers, subscription.caller).pipe(
              Effect.flatMap((caller) => serve(live, caller, subscription, false)),
              // What the app has named may have changed with a deploy.
              Effect.catchTag("UnknownCaller", () => forget(subscription.id))
            ),
          { discard: true }
        )
      ),

    revoke: (identity) =>
      Effect.flatMap(readAll, (subscriptions) => {
        const isTheirs = isOf(identity)
        const theirs = subscriptions.filter(({ session }) => isTheirs(session))
        return Effect.as(
          Effect.forEach(theirs, ({ id }) => drop(id), { discard: true }),
          theirs.length
        )
      })
  }
}
