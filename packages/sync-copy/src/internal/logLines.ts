/** The log for whoever runs the command: a line each, on standard error. */
import * as Terminal from "@effect/platform/Terminal"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { CLEAR } from "./words.ts"

/** `source: sync connection lost (the connection was lost)` */
const makeLogger = (before: string) =>
  Logger.withConsoleError(
    Logger.make(({ annotations, message }) => {
      const text = (name: string) => {
        const value = HashMap.unsafeGet(annotations, name)
        return typeof value === "string" ? value : ""
      }
      const has = (name: string) => HashMap.has(annotations, name)
      const side = has("side") ? `${text("side")}: ` : ""
      const reason = has("reason") ? ` (${text("reason")})` : ""
      return `${before}${side}${[message].flat().join(" ")}${reason}`
    })
  )

/** On a terminal the line of the progress makes room. */
export const layer: Layer.Layer<never, never, Terminal.Terminal> = Layer.unwrapEffect(
  Effect.gen(function* () {
    const terminal = yield* Terminal.Terminal
    const before = (yield* terminal.isTTY) ? CLEAR : ""
    return Logger.replace(Logger.defaultLogger, makeLogger(before))
  })
)
