import { Schema } from "effect"

/** What the page tells the server about itself when it connects. */
export const SyncPayload = Schema.Struct({ authToken: Schema.String })

/** The one token the demo accepts. A real app sends a session's token and checks its signature. */
export const DEV_TOKEN = "tidelog-dev-token"
