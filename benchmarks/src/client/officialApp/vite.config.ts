/** Builds the app as its own configuration does, but for the client under LiveStore. */
import app from "@tidelog/todomvc/vite.config.ts"
import { mergeConfig } from "vite"

export default mergeConfig(app, {
  resolve: {
    alias: [
      {
        find: /^\.\/livestore\.worker\.ts/,
        replacement: `${import.meta.dirname}/livestore.worker.ts`
      }
    ]
  }
})
