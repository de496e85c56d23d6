// A WebSocket client (RFC 6455) over a plain TCP connection: no library in between, so that a test can stop reading, cut the
// cable, send broken frames and see each byte that comes.
import { createHash, randomBytes } from "node:crypto";
import net from "node:net";
import { waitUntil } from "./wait.ts";

const MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export const OPCODE = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** The server answered the upgrade with something else than 101. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly answer: string;
  constructor(status: number, answer: string) {
    super(`upgrade refused: ${answer.slice(0, 300)}`);
    this.status = status;
    this.answer = answer;
  }
}

export interface WsOptions {
  path?: string;
  protocol?: string;
  /** Beside those of the upgrade; they win. */
  headers?: Record<string, string>;
  /** Another loopback address to come from. */
  localAddress?: string;
  onText: (text: string) => void;
}

export class Ws {
  /** How it ended: 1006 where no close frame came. */
  closed: { code: number; reason: string } | undefined;
  bytesRead = 0;
  messages = 0;
  pings = 0;
  private readonly socket: net.Socket;
  private readonly onText: (text: string) => void;
  private rest: Buffer = Buffer.alloc(0);
  private parts: Buffer[] = [];
  private failure: Error | undefined;

  private constructor(socket: net.Socket, onText: (text: string) => void) {
    this.socket = socket;
    this.onText = onText;
    socket.setNoDelay(true);
    socket.on("error", (error) => (this.failure ??= error));
    socket.on("close", () => (this.closed ??= { code: 1006, reason: "" }));
  }

  static async open(url: string, options: WsOptions): Promise<Ws> {
    const { hostname, port, host, origin } = new URL(url);
    const key = randomBytes(16).toString("base64");
    const headers: Record<string, string> = {
      host,
      origin,
      upgrade: "websocket",
      connection: "Upgrade",
      "sec-websocket-version": "13",
      "sec-websocket-key": key,
      "sec-websocket-protocol": options.protocol ?? "tidemark.v1",
      ...options.headers,
    };
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    const connection = net.connect({
      host: hostname,
      port: Number(port),
      ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    });
    const ws = new Ws(connection, options.onText);
    const answer = new Promise<string>((resolve, reject) => {
      let text = Buffer.alloc(0);
      const take = (bytes: Buffer) => {
        text = Buffer.concat([text, bytes]);
        const end = text.indexOf("\r\n\r\n");
        if (end < 0) return;
        connection.off("data", take);
        connection.on("data", (more: Buffer) => ws.take(more));
        resolve(text.subarray(0, end).toString("latin1"));
        if (/^HTTP\/1\.1 101 /.test(text.toString("latin1"))) ws.take(text.subarray(end + 4));
      };
      connection.on("data", take);
      connection.on("close", () => reject(new Error(`connection closed before an answer: ${text.toString("latin1").slice(0, 300)}`)));
      connection.on("error", reject);
    });
    connection.write(`GET ${options.path ?? "/api/v1/live"} HTTP/1.1\r\n${head.join("")}\r\n`);
    const text = await answer;
    const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]);
    if (status !== 101) {
      connection.destroy();
      throw new UpgradeRefused(status, text);
    }
    const accept = createHash("sha1").update(key + MAGIC).digest("base64");
    if (!text.toLowerCase().includes(`sec-websocket-accept: ${accept.toLowerCase()}`)) throw new Error(`wrong accept key: ${text}`);
    if (!/\r\nsec-websocket-protocol: tidemark\.v1(\r\n|$)/i.test(text)) throw new Error(`sub-protocol not confirmed: ${text}`);
    return ws;
  }

  private take(bytes: Buffer): void {
    this.bytesRead += bytes.length;
    this.rest = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes]);
    for (;;) {
      const frame = firstFrame(this.rest);
      if (frame === undefined) return;
      this.rest = this.rest.subarray(frame.size);
      this.hear(frame);
    }
  }

  private hear(frame: Frame): void {
    if (frame.opcode === OPCODE.ping) {
      this.pings++;
      this.sendFrame(OPCODE.pong, frame.payload);
    } else if (frame.opcode === OPCODE.close) {
      const code = frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : 1005;
      this.closed ??= { code, reason: frame.payload.subarray(2).toString() };
      this.socket.end();
    } else if (frame.opcode <= OPCODE.text) {
      this.parts.push(frame.payload);
      if (!frame.final) return;
      const text = Buffer.concat(this.parts).toString("utf8");
      this.parts = [];
      this.messages++;
      this.onText(text);
    }
  }

  /** A masked frame, as a client sends it; `head` overrides its first byte. */
  sendFrame(opcode: number, payload: Buffer | string, head = 0x80 | opcode): void {
    const data = Buffer.from(payload);
    const mask = randomBytes(4);
    const length = data.length < 126 ? Buffer.from([0x80 | data.length]) : Buffer.alloc(data.length < 65536 ? 3 : 9);
    if (length.length === 3) {
      length[0] = 0xfe;
      length.writeUInt16BE(data.length, 1);
    } else if (length.length === 9) {
      length[0] = 0xff;
      length.writeBigUInt64BE(BigInt(data.length), 1);
    }
    const masked = Buffer.from(data.map((byte, i) => byte ^ (mask[i & 3] as number)));
    if (!this.socket.destroyed) this.socket.write(Buffer.concat([Buffer.from([head]), length, mask, masked]));
  }
  send(text: string): void {
    this.sendFrame(OPCODE.text, text);
  }

  /** Stops taking bytes from the kernel, as a browser that is suspended. */
  pause(): void {
    this.socket.pause();
  }
  resume(): void {
    this.socket.resume();
  }
  /** The cable is pulled: no close frame, nothing. */
  cut(): void {
    this.socket.resetAndDestroy();
    this.closed ??= { code: 1006, reason: "cut" };
  }
  /** The friendly end. */
  async close(): Promise<void> {
    if (this.closed === undefined) {
      const code = Buffer.alloc(2);
      code.writeUInt16BE(1000);
      this.sendFrame(OPCODE.close, code);
      await waitUntil("the end of a socket", () => this.closed !== undefined).catch(() => undefined);
    }
    this.socket.destroy();
  }
  async ended(ms = 10_000): Promise<{ code: number; reason: string }> {
    return waitUntil("the server closes the socket", () => this.closed, ms);
  }
}

interface Frame {
  opcode: number;
  final: boolean;
  payload: Buffer;
  size: number;
}

function firstFrame(bytes: Buffer): Frame | undefined {
  if (bytes.length < 2) return undefined;
  const [first = 0, second = 0] = bytes;
  if ((second & 0x80) !== 0) throw new Error("the server masks a frame");
  if ((first & 0x70) !== 0) throw new Error("the server sets reserved bits");
  let [at, length] = [2, second & 0x7f];
  if (length === 126) {
    if (bytes.length < 4) return undefined;
    [at, length] = [4, bytes.readUInt16BE(2)];
  } else if (length === 127) {
    if (bytes.length < 10) return undefined;
    [at, length] = [10, Number(bytes.readBigUInt64BE(2))];
  }
  if (bytes.length < at + length) return undefined;
  return { opcode: first & 15, final: (first & 0x80) !== 0, payload: bytes.subarray(at, at + length), size: at + length };
}
