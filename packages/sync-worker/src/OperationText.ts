/**
 * An operation on a store, and its answer, as the texts that go between the Worker and the store's object.
 *
 * @since 0.1.0
 */
import { Handshake } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as AdminError from "./AdminError.ts"
import * as AdminOperation from "./AdminOperation.ts"

const Envelope = Schema.parseJson(
  Schema.Struct({ storeId: Handshake.StoreId, operation: AdminOperation.Operation })
)

/**
 * An operation and its store, as the text that goes to the object. Throws if the events of an operation are deeper
 * than JSON may be: who makes one has looked.
 *
 * @since 0.1.0
 * @category codecs
 */
export const encode = Schema.encodeSync(Envelope)

/**
 * The same, read by the object.
 *
 * @since 0.1.0
 * @category codecs
 */
export const decode = Schema.decode(Envelope)

/**
 * Runs what has come as text, and answers as text. Whatever goes wrong is part of the answer, also
 * that the text makes no sense: it comes from a Worker of another version than the object's, which a
 * deploy replaces.
 *
 * @since 0.1.0
 * @category operations
 */
export const answer = (
  text: string,
  operate: (
    storeId: Handshake.StoreId,
    operation: AdminOperation.Operation
  ) => Effect.Effect<AdminOperation.Result, AdminError.OperationError>
): Effect.Effect<string> =>
  decode(text).pipe(
    Effect.mapError(
      () => new AdminError.StoreUnavailable({ message: "the store does not know this operation" })
    ),
    Effect.flatMap(({ operation, storeId }) =>
      Effect.map(Effect.exit(operate(storeId, operation)), (exit) =>
        // Each operation's answer is written by its own Schema; their union has lost which is which.
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion
        encodeExit(operation as AdminOperation.OperationOf<AdminOperation.Result, unknown>, exit)
      )
    ),
    Effect.catchTag("StoreUnavailable", (error) =>
      Effect.sync(() => encodeFailure(Exit.fail(error)))
    ),
    Effect.map((exit) => JSON.stringify(exit))
  )

const encodeExit = <Success, Encoded>(
  operation: AdminOperation.OperationOf<Success, Encoded>,
  exit: Exit.Exit<Success, AdminError.OperationError>
) => Schema.encodeSync(Schema.exitSchema(operation))(exit)

/** What every operation fails with is written in the same way. */
const encodeFailure = Schema.encodeSync(
  Schema.Exit({ success: Schema.Never, failure: AdminError.OperationError, defect: Schema.Defect })
)

/**
 * Reads the answer to an operation. One that makes no sense comes from an object of another version
 * than the Worker's, which a deploy replaces.
 *
 * @since 0.1.0
 * @category codecs
 */
export const readAnswer = <Success, Encoded>(
  operation: AdminOperation.OperationOf<Success, Encoded>,
  text: string
): Effect.Effect<Success, AdminError.OperationError> =>
  Schema.decode(Schema.parseJson(Schema.exitSchema(operation)))(text).pipe(
    Effect.mapError(
      () => new AdminError.StoreUnavailable({ message: "the store's answer makes no sense" })
    ),
    Effect.flatten
  )
