/** A socket whose other end is a script, for the tests of live.ts and rows.ts. */
export class FakeSocket {
  static all: FakeSocket[] = []
  static get last(): FakeSocket {
    return FakeSocket.all[FakeSocket.all.length - 1]!
  }

  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  onerror: (() => void) | null = null
  sent: Record<string, unknown>[] = []
  open = true

  constructor(readonly url: string, readonly protocol: string) {
    FakeSocket.all.push(this)
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>)
  }

  close(): void {
    this.open = false
  }

  say(...messages: object[]): void {
    for (const message of messages) this.onmessage?.({ data: JSON.stringify(message) })
  }

  hello(): void {
    this.say({ op: 'hello', pos: 'e.1', heartbeat: 20 })
  }

  /** The last subscription that was asked for on it. */
  get asked(): Record<string, unknown> {
    return this.sent.filter((message) => message.op === 'sub').at(-1)!
  }

  end(code: number): void {
    this.open = false
    this.onclose?.({ code })
  }
}

export const opener = (url: string, protocol: string) => new FakeSocket(url, protocol) as unknown as WebSocket
