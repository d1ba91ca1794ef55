/**
 * The command: `pnpm copy`.
 *
 * @since 0.1.0
 */
import { Command, Options } from "@effect/cli"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { copy } from "./Copy.ts"
import { type CopyError, InvalidSide } from "./CopyError.ts"
import * as Destination from "./Destination.ts"
import * as Payload from "./Payload.ts"
import * as ProgressTerminal from "./ProgressTerminal.ts"
import * as Report from "./Report.ts"
import * as Source from "./Source.ts"

const payloadOf = (name: "from" | "to", side: "source" | "destination") =>
  Options.all({
    text: Options.redacted(`payload-${name}`).pipe(
      Options.withPseudoName("json"),
      Options.withDescription(
        `the payload for the ${side}'s authorisation. Others on this machine see a command line: for a secret take the file, or ${Payload.variables[side]} in the environment`
      ),
      Options.optional
    ),
    file: Options.file(`payload-${name}-file`, { exists: "yes" }).pipe(
      Options.withDescription("a file that holds it"),
      Options.optional
    )
  })

const options = {
  from: Options.text("from").pipe(
    Options.withPseudoName("url"),
    Options.withDescription("the server to copy from: ws(s):// or http(s)://")
  ),
  to: Options.text("to").pipe(
    Options.withPseudoName("url"),
    Options.withDescription("the server to copy to")
  ),
  store: Options.text("store").pipe(
    Options.withPseudoName("id"),
    Options.withDescription("the store to copy")
  ),
  toStore: Options.text("to-store").pipe(
    Options.withPseudoName("id"),
    Options.withDescription("the store to copy to, if it is called otherwise"),
    Options.optional
  ),
  payloadFrom: payloadOf("from", "source"),
  payloadTo: payloadOf("to", "destination"),
  follow: Options.boolean("follow").pipe(
    Options.withDescription("goes on with what comes to the source, until Ctrl-C")
  ),
  nullForAbsentArgs: Options.boolean("null-for-absent-args").pipe(
    Options.withDescription(
      "takes it as the same that LiveStore's official server gives null for the arguments of an event that has none"
    )
  ),
  patience: Options.integer("patience").pipe(
    Options.withPseudoName("seconds"),
    Options.withDescription("how long nothing may come from a server before this is given up"),
    Options.withDefault(120)
  )
}

/**
 * The command. `until`: succeeds at the first Ctrl-C.
 *
 * @since 0.1.0
 * @category commands
 */
export const make = (until: Effect.Effect<void>) =>
  Command.make("copy", options, (given) =>
    Effect.gen(function* () {
      const { follow, from, nullForAbsentArgs, store, to } = given
      const toStore = Option.getOrElse(given.toStore, () => store)
      if (from === to && store === toStore) {
        return yield* new InvalidSide({ side: "destination", reason: "it is the source itself" })
      }
      const patience = given.patience * 1_000
      const sides = Layer.merge(
        Source.layer({
          url: from,
          storeId: store,
          payload: yield* Payload.read("source", given.payloadFrom),
          patience
        }),
        Destination.layer({
          url: to,
          storeId: toStore,
          payload: yield* Payload.read("destination", given.payloadTo),
          patience,
          nullForAbsentArgs
        })
      )
      const result = yield* Effect.gen(function* () {
        const source = yield* Source.Source
        const destination = yield* Destination.Destination
        const summary = yield* copy({ follow, until })
        return Report.summary(summary, {
          from: source.side.address,
          fromStore: store,
          to: destination.side.address,
          toStore
        })
      }).pipe(Effect.provide(Layer.merge(sides, ProgressTerminal.layer)))
      yield* Console.log(result)
    }).pipe(Effect.tapError((error: CopyError) => Console.error(Report.failure(error))))
  ).pipe(
    Command.withDescription(
      "Copies a store from one LiveStore sync server to another, and verifies it event by event. Run it again to go on where it was stopped."
    )
  )
