/** What all three workers are given. */
export interface BenchEnv {
  readonly DB: D1Database
  readonly WEBSOCKET_SERVER: DurableObjectNamespace
  /** Milliseconds added to every call of D1: the network that a local run does not have. */
  readonly D1_DELAY_MS?: string
  /** "1" counts what D1 and the objects' storage report. */
  readonly METER?: string
}
