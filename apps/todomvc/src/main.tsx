import "todomvc-app-css/index.css"
import "./app.css"
import { StoreRegistry, StoreRegistryProvider } from "@livestore/react"
import { StrictMode, Suspense } from "react"
import { createRoot } from "react-dom/client"
import { Failure } from "./components/Failure.tsx"
import { ShareLink } from "./components/ShareLink.tsx"
import { StatusLine } from "./components/StatusLine.tsx"
import { TodoApp } from "./components/TodoApp.tsx"
import { address } from "./page/address.ts"

const root = document.getElementById("root")
if (root === null) throw new Error("index.html has no #root")

createRoot(root).render(
  <StrictMode>
    <Failure>
      <StoreRegistryProvider storeRegistry={new StoreRegistry()}>
        <Suspense fallback={<p className="loading">Opening the list…</p>}>
          <TodoApp />
        </Suspense>
      </StoreRegistryProvider>
      <footer className="info">
        <StatusLine storeId={address.storeId} />
        <ShareLink />
        <p>Double-click to edit a todo</p>
      </footer>
    </Failure>
  </StrictMode>
)
