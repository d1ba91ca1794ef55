/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Where the sync worker answers, e.g. `wss://sync.example.com`. */
  readonly VITE_SYNC_URL?: string
}
