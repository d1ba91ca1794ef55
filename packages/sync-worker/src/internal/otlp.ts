import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberSet from "effect/FiberSet"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { PCGRandom } from "effect/Utils"

/**
 * Spans as OTLP's JSON over HTTP, sent when they are told to be.
 *
 * `@effect/opentelemetry` would do this too, but not here: its exporter holds a timer for as long as
 * it lives, its spans carry the words and the stack of every error, it asks for seven packages of the
 * OpenTelemetry SDK, and a bundle is a quarter larger by it, traced or not.
 */
export interface Exporter {
  readonly tracer: Tracer.Tracer
  /** Sends the spans that have ended, in the background. Returns at once. */
  readonly flush: Effect.Effect<void>
}

/** How long a request may take. While it runs, the object stays awake. */
const DEADLINE = "5 seconds"

/** Spans that wait for the request before theirs. More are dropped. */
const MAX_WAITING = 2_000

/** Nothing runs while nothing waits: no timer, no fiber. */
export const makeExporter = (options: {
  readonly baseUrl: string
  readonly serviceName?: string
  readonly headers?: Readonly<Record<string, string>>
}): Effect.Effect<Exporter, never, Scope.Scope> =>
  Effect.gen(function* () {
    const fork = yield* FiberSet.runtime(yield* FiberSet.make<void>())<never>()
    const seeds = yield* Effect.all([Random.nextInt, Random.nextInt])
    const random = new PCGRandom(...seeds)
    const hex = (digits: number) =>
      Array.from({ length: digits }, () => random.integer(15).toString(16)).join("")

    let waiting: Array<object> = []
    let sending = false
    let failing = false

    const send = Effect.suspend(() => {
      const spans = waiting
      waiting = []
      return post(options, spans)
    }).pipe(
      Effect.map(() => {
        failing = false
      }),
      Effect.catchAll((error) => {
        // Once is enough for as long as it lasts.
        const known = failing
        failing = true
        return known ? Effect.void : Effect.logWarning("spans could not be sent", Cause.fail(error))
      })
    )

    const sendAll = Effect.whileLoop({
      while: () => waiting.length > 0,
      body: () => send,
      step: () => {}
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          sending = false
        })
      )
    )

    return {
      tracer: Tracer.make({
        span: (name, parent, context, links, startTime, kind) =>
          makeSpan({
            name,
            parent,
            context,
            links: [...links],
            startTime,
            kind,
            traceId: Option.match(parent, { onNone: () => hex(32), onSome: (it) => it.traceId }),
            spanId: hex(16),
            onEnd: (span) => {
              if (waiting.length < MAX_WAITING) waiting.push(span)
            }
          }),
        context: (run) => run()
      }),
      flush: Effect.sync(() => {
        if (sending || waiting.length === 0) return
        sending = true
        fork(sendAll)
      })
    }
  })

/** The collector did not take the spans. */
class NotTaken extends Data.TaggedError("NotTaken")<{ readonly status: number }> {
  override get message() {
    return `the collector answered ${this.status}`
  }
}

const post = (
  { baseUrl, headers, serviceName = "tidelog" }: Parameters<typeof makeExporter>[0],
  spans: ReadonlyArray<object>
) =>
  Effect.tryPromise((signal) =>
    // Nothing but a URL and a body: a client with more to it is not worth its size in a bundle.
    // @effect-diagnostics-next-line globalFetch:off
    fetch(`${baseUrl.replace(/\/+$/, "")}/v1/traces`, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify({
        resourceSpans: [
          {
            resource: { attributes: toAttributes([["service.name", serviceName]]) },
            scopeSpans: [{ scope: { name: "@tidelog/sync-worker" }, spans }]
          }
        ]
      }),
      signal
    })
  ).pipe(
    Effect.tap((response) =>
      // A body that is not read holds its connection.
      Effect.ignore(Effect.tryPromise(() => response.body?.cancel() ?? Promise.resolve()))
    ),
    Effect.filterOrFail(
      ({ ok }) => ok,
      ({ status }) => new NotTaken({ status })
    ),
    Effect.timeout(DEADLINE)
  )

const makeSpan = (options: {
  readonly name: string
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly context: Tracer.Span["context"]
  readonly links: Array<Tracer.SpanLink>
  readonly startTime: bigint
  readonly kind: Tracer.SpanKind
  readonly traceId: string
  readonly spanId: string
  readonly onEnd: (span: object) => void
}): Tracer.Span => {
  const { context, kind, links, name, onEnd, parent, spanId, startTime, traceId } = options
  const attributes = new Map<string, unknown>()
  let status: Tracer.SpanStatus = { _tag: "Started", startTime }
  return {
    _tag: "Span",
    name,
    spanId,
    traceId,
    parent,
    context,
    get status() {
      return status
    },
    attributes,
    links,
    sampled: true,
    kind,
    end: (endTime, exit) => {
      status = { _tag: "Ended", startTime, endTime, exit }
      onEnd({
        traceId,
        spanId,
        ...(Option.isSome(parent) ? { parentSpanId: parent.value.spanId } : {}),
        name,
        kind: KINDS[kind],
        startTimeUnixNano: String(startTime),
        endTimeUnixNano: String(endTime),
        attributes: toAttributes(attributes),
        status: toStatus(exit)
      })
    },
    attribute: (key, value) => {
      attributes.set(key, value)
    },
    // Nobody records events here, and what is not known to be harmless is not sent.
    event: () => {},
    addLinks: (more) => {
      links.push(...more)
    }
  }
}

const KINDS: Record<Tracer.SpanKind, number> = {
  internal: 1,
  server: 2,
  client: 3,
  producer: 4,
  consumer: 5
}

const OK = { code: 1 }

/** An error by its name: its words may hold anything. */
const toStatus = (exit: Exit.Exit<unknown, unknown>): object => {
  if (Exit.isSuccess(exit)) return OK
  if (Cause.isInterruptedOnly(exit.cause)) return { code: 2, message: "Interrupted" }
  const error = Cause.squash(exit.cause)
  const name = Predicate.hasProperty(error, "_tag") ? String(error._tag) : "Defect"
  return { code: 2, message: name }
}

const toAttributes = (entries: Iterable<readonly [string, unknown]>): ReadonlyArray<object> =>
  Array.from(entries, ([key, value]) => ({
    key,
    value: typeof value === "number" ? { intValue: String(value) } : { stringValue: String(value) }
  }))
