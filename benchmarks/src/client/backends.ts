/**
 * The two clients as LiveStore takes them, and what may be put round one.
 */
import type { SyncBackend } from "@livestore/common"
import { makeWsSync } from "@livestore/sync-cf/client"
import { makeCfSync } from "@tidelog/sync-client"
import type { Message } from "@tidelog/sync-protocol"
import * as Effect from "effect/Effect"

export const clientNames = ["official", "tidelog"] as const
export type ClientName = (typeof clientNames)[number]

export type Backend = SyncBackend.SyncBackend<Message.SyncMetadata>
export type MakeBackend = SyncBackend.SyncBackendConstructor<Message.SyncMetadata>

/** What LiveStore is told of a page of events. */
export type Page = SyncBackend.PullResItem<Message.SyncMetadata>

/** A client of the server at a port of 127.0.0.1. */
export const backendOf = (name: ClientName, port: number): MakeBackend =>
  name === "official"
    ? makeWsSync({ url: `ws://127.0.0.1:${port}/websocket` })
    : makeCfSync({ url: `ws://127.0.0.1:${port}` })

/** Another backend in the place of the one that is made. */
export const around =
  (make: MakeBackend, change: (backend: Backend) => Backend): MakeBackend =>
  (args) =>
    Effect.map(make(args), change)
