// The HTTP API as far as a clerk needs it: a session's cookie, its page token, JSON in and out.

export interface Answer {
  status: number;
  body: any;
  /** Seconds to wait, where the server says so. */
  retryAfter: number;
}

export class Refused extends Error {
  readonly answer: Answer;
  constructor(what: string, answer: Answer) {
    super(`${what}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`);
    this.answer = answer;
  }
}

const PATIENCE_MS = 30_000;

export class Client {
  readonly url: string;
  private cookie = "";
  private csrf = "";
  user: { id: string; login: string; name: string; department: { id: string; title: string } | null } | undefined;

  constructor(url: string) {
    this.url = url;
  }

  async ask(method: string, path: string, body?: unknown, version?: string): Promise<Answer> {
    const headers: Record<string, string> = { accept: "application/json", "accept-language": "zh-CN" };
    if (this.cookie !== "") headers["cookie"] = this.cookie;
    if (method !== "GET") {
      headers["origin"] = this.url;
      headers["content-type"] = "application/json";
      if (this.csrf !== "") headers["x-csrf-token"] = this.csrf;
    }
    if (version !== undefined) headers["if-match"] = version;
    const init: RequestInit = { method, headers, signal: AbortSignal.timeout(PATIENCE_MS) };
    if (body !== undefined) init.body = JSON.stringify(body);
    const reply = await fetch(`${this.url}/api/v1${path}`, init);
    for (const line of reply.headers.getSetCookie()) this.cookie = line.split(";")[0] ?? "";
    const text = await reply.text();
    return { status: reply.status, body: text === "" ? null : JSON.parse(text), retryAfter: Number(reply.headers.get("retry-after") ?? 0) };
  }

  /** The body of an answer that is good; anything else is an error that says what was asked. */
  async want<T = any>(method: string, path: string, body?: unknown, version?: string): Promise<T> {
    const answer = await this.ask(method, path, body, version);
    if (answer.status >= 300) throw new Refused(`${this.user?.login ?? "nobody"} ${method} ${path.split("?")[0]}`, answer);
    return answer.body as T;
  }

  private begin(session: { user: Client["user"]; csrf: string }): void {
    this.user = session.user;
    this.csrf = session.csrf;
  }

  /** False: name and password do not go together. */
  async logIn(login: string, password: string): Promise<boolean> {
    this.cookie = this.csrf = "";
    const answer = await this.ask("POST", "/session", { login, password });
    if (answer.status === 401) return false;
    if (answer.status !== 200) throw new Refused(`log-in of ${login}`, answer);
    this.begin(answer.body);
    return true;
  }

  async changePassword(password: string, wanted: string): Promise<void> {
    this.begin(await this.want("PUT", "/session/password", { password, new: wanted }));
  }

  async logOut(): Promise<void> {
    await this.ask("DELETE", "/session");
  }
}
