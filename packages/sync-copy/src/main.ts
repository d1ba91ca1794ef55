#!/usr/bin/env node
/**
 * `pnpm copy`: see README.md. Its exit code is 0 only if the copy is verified, 130 if it was stopped.
 */
import { Command } from "@effect/cli"
import { NodeContext } from "@effect/platform-node"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { make } from "./Command.ts"
import { Stopped } from "./CopyError.ts"
import * as LogLines from "./internal/logLines.ts"
import * as WebSocket from "./internal/webSocket.ts"

const stop = Deferred.unsafeMake<void>(FiberId.none)

const run = Command.run(make(Deferred.await(stop)), { name: "copy", version: "0.1.0" })

const program = run(process.argv).pipe(
  Effect.tapDefect((cause) => Console.error(Cause.pretty(cause))),
  Effect.provide(
    Layer.merge(LogLines.layer, WebSocket.layer).pipe(Layer.provideMerge(NodeContext.layer))
  )
)

/** As a shell has it for what Ctrl-C has ended. */
const STOPPED = 130

const isStopped = Schema.is(Stopped)

const codeOf = <E>(exit: Exit.Exit<void, E>): number => {
  if (Exit.isSuccess(exit)) return 0
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  return Cause.isInterruptedOnly(exit.cause) || isStopped(error) ? STOPPED : 1
}

const fiber = Effect.runFork(program)
// What was opened is closed by now, but for handshakes that the other side may leave open.
fiber.addObserver((exit) => process.exit(codeOf(exit)))

let asked = false

/** The first asks it to end in order, the second ends it. */
const onSignal = () => {
  if (asked) fiber.unsafeInterruptAsFork(FiberId.none)
  asked = true
  Deferred.unsafeDone(stop, Exit.void)
}
process.on("SIGINT", onSignal)
process.on("SIGTERM", onSignal)
