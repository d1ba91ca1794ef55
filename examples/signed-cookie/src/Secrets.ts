/** What the Worker knows and nobody else: texts that are bound by `wrangler secret put`. */
import { CloudflareEnv } from "@tidelog/sync-worker"
import { Effect, Schema } from "effect"

export class MissingSecret extends Schema.TaggedError<MissingSecret>()("MissingSecret", {
  name: Schema.String
}) {
  override get message() {
    return `set the secret ${this.name}`
  }
}

export const secret = Effect.fnUntraced(function* (name: string) {
  const value: unknown = Reflect.get(yield* CloudflareEnv.CloudflareEnv, name)
  return typeof value === "string" && value !== "" ? value : yield* new MissingSecret({ name })
})
