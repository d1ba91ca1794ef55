/** The Worker: sign in at `/login`, then sync. Everything it is made of is a Layer. */
import { Limits } from "@tidelog/sync-protocol"
import {
  CloudflareEnv,
  Cors,
  makeDurableObjectFromLayer,
  makeWorkerFromLayer,
  SyncAuth,
  SyncHooks,
  SyncServer,
  Unauthorized
} from "@tidelog/sync-worker"
import { Effect, Layer, Logger, Schema } from "effect"
import { Audit } from "./Audit.ts"
import { secret } from "./Secrets.ts"
import { Session, Sessions } from "./Sessions.ts"
import * as Shards from "./Shards.ts"

/** A browser sends the cookie from any page, so the pages are named. */
const options = { enableCORS: true, allowedOrigins: ["https://app.example"] }

const auth = SyncAuth.layer((_, { headers }) =>
  Effect.flatMap(Sessions, (sessions) => sessions.find(headers.get("cookie")))
)

const isSession = Schema.is(Session)

const userOf = (identity: unknown) => (isSession(identity) ? identity.user : "nobody")

const hooks = SyncHooks.layer({
  onPush: (_, { identity }) => {
    if (userOf(identity).startsWith("guest")) throw new Error("guests may only look")
  },
  onPushRes: (answer, { identity, storeId }) =>
    Effect.flatMap(Audit, (audit) =>
      audit.record({
        storeId,
        user: userOf(identity),
        outcome: "_tag" in answer ? answer._tag : "stored"
      })
    )
})

export class SyncBackendDO extends makeDurableObjectFromLayer(
  SyncServer.layer.pipe(
    Layer.provide(Shards.layer),
    Layer.provide(Layer.provide(hooks, Audit.layer)),
    Layer.provide(Limits.layer({ maxBatchEvents: 500 })),
    Layer.provide(Logger.json)
  )
) {}

const Login = Schema.Struct({ user: Schema.NonEmptyString, code: Schema.String })

/** `POST /login` with `{ user, code }`: whoever has the code is who they say. */
const login = Effect.fnUntraced(
  function* (request: Request) {
    const body: unknown = yield* Effect.tryPromise(() => request.json())
    const { code, user } = yield* Schema.decodeUnknown(Login)(body)
    if (!(yield* isSame(code, yield* secret("LOGIN_CODE")))) {
      return yield* new Unauthorized({ reason: "the code is wrong" })
    }
    const sessions = yield* Sessions
    const cookie = yield* sessions.begin(user)
    return new Response(null, { status: 204, headers: { "set-cookie": cookie } })
  },
  Effect.catchTags({
    ParseError: () => Effect.succeed(new Response("Bad request.\n", { status: 400 })),
    UnknownException: () => Effect.succeed(new Response("Bad request.\n", { status: 400 })),
    Unauthorized: ({ reason }) => Effect.succeed(new Response(`${reason}\n`, { status: 401 }))
  })
)

/** Whether two texts are the same, told in a time that says nothing of where they differ. */
const isSame = (one: string, two: string) =>
  Effect.promise(async () => {
    const [first, second] = await Promise.all(
      [one, two].map((text) => crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)))
    )
    return (
      first !== undefined && second !== undefined && crypto.subtle.timingSafeEqual(first, second)
    )
  })

const sync = makeWorkerFromLayer(Layer.provide(auth, Sessions.layer), {
  ...options,
  adminStorage: Shards.layerAdminStorage
})

export default {
  fetch(request: Request, env: object, ctx: ExecutionContext) {
    if (new URL(request.url).pathname !== "/login" || request.method !== "POST") {
      return sync.fetch(request, env, ctx)
    }
    return Cors.guard(options, request, () =>
      login(request).pipe(
        Effect.provide(Sessions.layer),
        Effect.provideService(CloudflareEnv.CloudflareEnv, env),
        Effect.catchAll((error) =>
          Effect.as(
            Effect.logError(error.message),
            new Response("Not configured.\n", { status: 500 })
          )
        ),
        Effect.provide(Logger.json),
        Effect.runPromise
      )
    )
  }
}
