import react from "@vitejs/plugin-react"
import { defineConfig } from "vite"
import { VitePWA } from "vite-plugin-pwa"

export default defineConfig({
  server: {
    port: 5173,
    strictPort: true,
    // The worker's local state changes with each event; the page must not reload for it.
    watch: { ignored: ["**/.wrangler/**", "**/dist/**"] }
  },
  preview: { port: 5173, strictPort: true },
  // LiveStore with its SQLite is large; a warning at each build would say nothing new.
  build: { outDir: "dist/page", target: "es2022", chunkSizeWarningLimit: 1_000 },
  // LiveStore's workers are modules, and its SQLite finds its wasm beside itself.
  worker: { format: "es" },
  optimizeDeps: {
    exclude: ["@livestore/wa-sqlite"],
    // Vite looks for dependencies in the page alone. Finding the worker's later would reload the
    // page under a store that is being opened.
    entries: ["index.html", "src/livestore/livestore.worker.ts"]
  },
  plugins: [
    react(),
    // The data is in the browser already: with the page kept there too, it opens without a network.
    // A new version waits until no tab runs the old one, whose workers it no longer serves.
    VitePWA({
      injectRegister: "script-defer",
      manifest: false,
      registerType: "prompt",
      workbox: {
        globPatterns: ["**/*.{html,js,css,svg,wasm}"],
        maximumFileSizeToCacheInBytes: 8 * 1024 * 1024,
        navigateFallback: "index.html"
      }
    })
  ]
})
