// A client of the HTTP API as the contract has it: cookie jar, page token, JSON in and out. It sits on node:http, so that
// a test can also send what no browser would.
import http from "node:http";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  request: string;
  errors?: { field: string; code: string; message: string; limit?: string }[];
  conflicts?: { field: string; base: Json; theirs: Json; yours: Json }[];
}

export interface Item {
  id: string;
  version: string;
  fields: Record<string, Json>;
  masked: string[];
  locked: string[];
  can: string[];
  pos?: string;
}

export interface List {
  items: Item[];
  next: string | null;
  previous: string | null;
  total?: string;
  pos?: string;
}

export interface Session {
  user: {
    id: string;
    login: string;
    name: string;
    roles: string[];
    department: { id: string; title: string };
  };
  csrf: string;
  rights: string[];
  must_change_password: boolean;
}

export interface Reply {
  status: number;
  headers: http.IncomingHttpHeaders;
  rawHeaders: string[];
  bytes: Buffer;
  text: string;
  /** The body as JSON; throws where it is none. */
  json<T = any>(): T;
  /** The body as a problem document; throws where the content type says otherwise. */
  problem(): Problem;
}

export interface Options {
  headers?: Record<string, string | string[] | undefined>;
  /** JSON value, or bytes sent as they are. */
  body?: unknown;
  raw?: Buffer | string;
  agent?: http.Agent | false;
}

const UNSAFE = new Set(["POST", "PUT", "PATCH", "DELETE"]);
export const BASE = "/api/v1";

export class Client {
  readonly url: URL;
  cookies = new Map<string, string>();
  csrf = "";
  session: Session | undefined;
  private agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

  constructor(url: string) {
    this.url = new URL(url);
  }

  get origin(): string {
    return this.url.origin;
  }

  close(): void {
    this.agent.destroy();
  }

  /** A path that begins with "/" is under /api/v1; with "//", at the root. */
  async request(method: string, path: string, options: Options = {}): Promise<Reply> {
    const target = path.startsWith("//") ? path.slice(1) : BASE + path;
    const headers: Record<string, string | string[] | undefined> = { "accept-language": "en" };
    if (this.cookies.size > 0) {
      headers["cookie"] = [...this.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    }
    let body: Buffer | undefined;
    if (options.raw !== undefined) body = Buffer.from(options.raw);
    else if (options.body !== undefined) body = Buffer.from(JSON.stringify(options.body));
    if (UNSAFE.has(method)) {
      headers["origin"] = this.origin;
      if (method !== "DELETE") headers["content-type"] = "application/json";
      if (this.csrf !== "") headers["x-csrf-token"] = this.csrf;
      if (body === undefined && method !== "DELETE") body = Buffer.alloc(0);
    }
    if (body !== undefined) headers["content-length"] = String(body.length);
    Object.assign(headers, options.headers);
    for (const name of Object.keys(headers)) if (headers[name] === undefined) delete headers[name];
    const reply = await this.send(method, target, headers as http.OutgoingHttpHeaders, body, options.agent);
    this.keepCookies(reply);
    return reply;
  }

  private send(
    method: string,
    path: string,
    headers: http.OutgoingHttpHeaders,
    body: Buffer | undefined,
    agent: http.Agent | false | undefined,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          host: this.url.hostname,
          port: this.url.port,
          method,
          path,
          headers,
          agent: agent ?? this.agent,
          setHost: !("host" in headers),
        },
        (response) => {
          const parts: Buffer[] = [];
          response.on("data", (part: Buffer) => parts.push(part));
          response.on("error", reject);
          response.on("end", () => resolve(makeReply(method, path, response, Buffer.concat(parts))));
        },
      );
      request.on("error", reject);
      request.setTimeout(60_000, () => request.destroy(new Error(`no answer to ${method} ${path} in 60 s`)));
      request.end(body);
    });
  }

  private keepCookies(reply: Reply): void {
    for (const line of reply.headers["set-cookie"] ?? []) {
      const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
      const at = pair.indexOf("=");
      const name = pair.slice(0, at);
      const ends = attributes.some((attribute) => /^max-age=0$/i.test(attribute));
      if (ends || at === pair.length - 1) this.cookies.delete(name);
      else this.cookies.set(name, pair.slice(at + 1));
    }
  }

  get(path: string, options?: Options): Promise<Reply> {
    return this.request("GET", path, options);
  }
  post(path: string, body: unknown, options?: Options): Promise<Reply> {
    return this.request("POST", path, { body, ...options });
  }
  patch(path: string, body: unknown, version: string | undefined, options: Options = {}): Promise<Reply> {
    const headers = { ...(version === undefined ? {} : { "if-match": version }), ...options.headers };
    return this.request("PATCH", path, { body, ...options, headers });
  }
  put(path: string, body: unknown, version: string | undefined, options: Options = {}): Promise<Reply> {
    const headers = { ...(version === undefined ? {} : { "if-match": version }), ...options.headers };
    return this.request("PUT", path, { body, ...options, headers });
  }
  delete(path: string, options?: Options): Promise<Reply> {
    return this.request("DELETE", path, options);
  }

  async logIn(login: string, password: string): Promise<Reply> {
    const reply = await this.post("/session", { login, password });
    if (reply.status === 200 || reply.status === 201) {
      this.session = reply.json<Session>();
      this.csrf = this.session.csrf;
    }
    return reply;
  }

  /** The session goes on in a new one. */
  async changePassword(password: string, wanted: string): Promise<Reply> {
    const reply = await this.put("/session/password", { password, new: wanted }, undefined);
    if (reply.status === 200) {
      this.session = reply.json<Session>();
      this.csrf = this.session.csrf;
    }
    return reply;
  }

  async logOut(): Promise<Reply> {
    const reply = await this.delete("/session");
    this.csrf = "";
    this.session = undefined;
    return reply;
  }

  /** The list, asserted to be one. */
  async list(path: string): Promise<List> {
    return this.expect<List>(200, await this.get(path));
  }

  /** The body of a reply whose status must be `status`; anything else fails with the whole reply in the message. */
  expect<T = any>(status: number, reply: Reply): T {
    if (reply.status !== status) {
      throw new Error(`expected ${status}, got ${reply.status}: ${reply.text.slice(0, 2000)}`);
    }
    return reply.bytes.length === 0 ? (undefined as T) : reply.json<T>();
  }
}

/** What a problem document says is wrong, as pairs of field and code. A record's fields are named by their keys. */
export function faults(reply: Reply): [string, string][] {
  return (reply.problem().errors ?? []).map((error) => [error.field, error.code]);
}

function makeReply(method: string, path: string, response: http.IncomingMessage, bytes: Buffer): Reply {
  const text = bytes.toString("utf8");
  const type = response.headers["content-type"] ?? "";
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    bytes,
    text,
    json<T>(): T {
      try {
        return JSON.parse(text) as T;
      } catch {
        throw new Error(`${method} ${path}: ${response.statusCode}, not JSON: ${text.slice(0, 500)}`);
      }
    },
    problem(): Problem {
      if (!/^application\/problem\+json\b/.test(type)) {
        throw new Error(`${method} ${path}: ${response.statusCode}, not a problem document: ${type} ${text.slice(0, 500)}`);
      }
      return JSON.parse(text) as Problem;
    },
  };
}
