import { connect } from "node:net"
import type { Socket } from "node:net"

/**
 * A WebSocket client without manners: it sends text frames and never answers a close, so that its
 * connection stays half open for as long as it likes.
 */
export class RudeClient {
  readonly #socket: Socket
  #received = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on("data", (data) => {
      this.#received = Buffer.concat([this.#received, data])
    })
    socket.on("error", () => {})
  }

  static async open(url: string): Promise<RudeClient> {
    const { host, hostname, pathname, port, search } = new URL(url)
    const client = new RudeClient(connect(Number(port), hostname))
    client.#socket.write(
      [
        `GET ${pathname}${search} HTTP/1.1`,
        `Host: ${host}`,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "",
        ""
      ].join("\r\n")
    )
    await client.until((received) => received.includes("\r\n\r\n"))
    return client
  }

  /** Waits until a condition holds on all that was received, as bytes. */
  async until(condition: (received: Buffer) => boolean): Promise<void> {
    while (!condition(this.#received)) {
      await new Promise((resolve) => this.#socket.once("data", resolve))
    }
  }

  /** One text frame of less than 64 kB, masked with zeros. */
  send(text: string): void {
    const payload = Buffer.from(text)
    const header = Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 0xff, 0, 0, 0, 0])
    this.#socket.write(Buffer.concat([header, payload]))
  }

  hangUp(): void {
    this.#socket.destroy()
  }
}
