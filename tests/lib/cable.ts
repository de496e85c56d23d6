// The cable between a browser and the server: bytes go through as they are until somebody cuts it, or lets it hang as
// a pulled plug does, which tells neither side.
import net from "node:net";

export class Cable {
  url = "";
  private readonly target: URL;
  private readonly sockets = new Set<net.Socket>();
  private readonly server: net.Server;
  private plugged = true;
  private hanging = false;

  constructor(target: string) {
    this.target = new URL(target);
    this.server = net.createServer((near) => this.join(near));
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${(this.server.address() as net.AddressInfo).port}`;
    return this;
  }

  private join(near: net.Socket): void {
    if (!this.plugged) {
      near.destroy();
      return;
    }
    const far = net.connect(Number(this.target.port), this.target.hostname);
    for (const [from, to] of [[near, far], [far, near]] as const) {
      this.sockets.add(from);
      from.on("data", (part) => to.write(part));
      from.on("error", () => undefined);
      from.on("close", () => {
        this.sockets.delete(from);
        to.destroy();
      });
      if (this.hanging) from.pause();
    }
  }

  /** All connections end at once; new ones are refused until `plug`. */
  cut(): void {
    this.plugged = false;
    for (const socket of this.sockets) socket.destroy();
  }

  /** Nothing comes through any more, and neither side is told. */
  hang(): void {
    this.hanging = true;
    for (const socket of this.sockets) socket.pause();
  }

  plug(): void {
    this.plugged = true;
    this.hanging = false;
    for (const socket of this.sockets) socket.resume();
  }

  async end(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
