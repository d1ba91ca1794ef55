/**
 * Runs the command it is given, and ends its whole process group as soon as stdin closes: that is,
 * when whoever started it is gone, however it went. A killed test run leaves nothing behind.
 */
import { spawn } from "node:child_process"

const [command = "", ...args] = process.argv.slice(2)

spawn(command, args, { stdio: ["ignore", "inherit", "inherit"] }).on("exit", (code) =>
  process.exit(code ?? 1)
)

process.stdin.on("close", () => process.kill(-process.pid, "SIGKILL")).resume()
